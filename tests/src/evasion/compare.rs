//! What was told, held against what was expected.

use std::fmt;

use super::{
    told::Told,
    want::{Accessor, Want},
};

impl Want {
    /// What is wrong with an alert as this one's.
    fn differs(&self, told: &Told, late_arguments: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut compare = |what: &str, same: bool, told: &dyn fmt::Debug, wanted: &dyn fmt::Debug| {
            if !same {
                wrong.push(format!("{what} is {told:?}, not {wanted:?}"));
            }
        };
        compare("policy", self.policy == told.policy, &told.policy, &self.policy);
        compare("path", self.path == told.path, &told.path, &self.path);
        compare("owner", self.owner == told.owner, &told.owner, &self.owner);
        compare("operation", self.operations.contains(&told.operation.as_str()), &told.operation, &self.operations);
        compare("check", self.check.is_none_or(|check| check == told.check), &told.check, &self.check);
        if let Accessor::At(place) = &self.accessor {
            compare("accessor", *place == told.accessor, &told.accessor, place);
        }
        compare("pid", self.pid.is_none() || self.pid == told.pid, &told.pid, &self.pid);
        compare("binary", self.binary.is_none() || self.binary == told.binary, &told.binary, &self.binary);
        let late = late_arguments && told.arguments.is_none();
        compare(
            "arguments",
            late || self.arguments.is_none() || self.arguments == told.arguments,
            &told.arguments,
            &self.arguments,
        );
        compare("cwd", self.cwd.is_none() || self.cwd == told.cwd, &told.cwd, &self.cwd);
        compare("count", told.count == 1, &told.count, &1);
        wrong
    }

    fn name(&self) -> String {
        format!("{} of {}", self.operations.join(" or "), self.path)
    }
}

/// How many alerts were expected, and what is wrong with those that came.
///
/// `late_arguments`: they are read from `/proc`, and waited for only so long.
pub(super) fn compare(wants: &[Want], mut told: Vec<Told>, late_arguments: bool) -> (u64, Vec<String>) {
    let mut problems = Vec::new();
    let mut expected = 0;
    // Those that fit altogether first: a misfit must not take another's alert.
    let mut open: Vec<&Want> = Vec::new();
    for want in wants {
        match told.iter().position(|told| want.differs(told, late_arguments).is_empty()) {
            Some(index) => {
                told.remove(index);
                expected += 1;
            }
            None => open.push(want),
        }
    }
    for want in open {
        if want.optional {
            continue;
        }
        expected += 1;
        let nearest = (0..told.len()).min_by_key(|index| want.differs(&told[*index], late_arguments).len());
        match nearest.filter(|index| want.differs(&told[*index], late_arguments).len() < 4) {
            Some(index) => {
                let wrong = want.differs(&told.remove(index), late_arguments).join("; ");
                problems.push(format!("{}: {wrong}", want.name()));
            }
            None => problems.push(format!("no alert for {}", want.name())),
        }
    }
    for told in told {
        let Told { operation, path, check, pid, accessor, arguments, count, .. } = told;
        let words = arguments.unwrap_or_default().join(" ").chars().take(120).collect::<String>();
        problems.push(format!(
            "unexpected: {operation} ({check}) of {path} by {pid:?} of {accessor:?} `{}`, count {count}",
            words.escape_debug()
        ));
    }
    (expected, problems)
}
