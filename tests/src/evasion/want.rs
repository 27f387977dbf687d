//! What a scenario expects to be told, and how that is compared with what was told.

use std::fmt;

use super::told::Told;
use crate::container::{Place, Process};

/// A trap that is wanted.
#[derive(Clone, Debug)]
pub struct Trap {
    /// The policy's name.
    pub policy: String,
    /// Whose it is.
    pub place: Place,
    /// The policy's `filePath`.
    pub path: String,
}

/// One alert that is expected.
#[derive(Clone, Debug)]
pub struct Want {
    policy: String,
    path: String,
    owner: Option<String>,
    operations: Vec<&'static str>,
    check: Option<&'static str>,
    accessor: Accessor,
    pid: Option<u32>,
    binary: Option<String>,
    arguments: Option<Vec<String>>,
    cwd: Option<String>,
    /// It may stay away.
    optional: bool,
    /// The process has ended: fanotify may know no more than its number.
    gone: bool,
    fanotify: bool,
    /// Arguments are waited for only so long where they must be read from `/proc`.
    slow: bool,
}

/// Where the process belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Accessor {
    Anywhere,
    At(Option<String>),
}

impl Trap {
    /// An open for reading.
    #[must_use]
    pub fn open(&self) -> Want {
        self.act("open")
    }

    /// Any operation.
    #[must_use]
    pub fn act(&self, operation: &'static str) -> Want {
        Want {
            policy: self.policy.clone(),
            path: self.path.clone(),
            owner: self.place.id().map(str::to_owned),
            operations: vec![operation],
            check: None,
            accessor: Accessor::Anywhere,
            pid: None,
            binary: None,
            arguments: None,
            cwd: None,
            optional: false,
            gone: false,
            slow: false,
            fanotify: ["open", "write", "exec"].contains(&operation),
        }
    }
}

impl Want {
    /// By this process, which is told in full.
    #[must_use]
    pub fn by(mut self, process: &Process) -> Self {
        self.accessor = Accessor::At(process.container.clone());
        self.pid = Some(process.pid);
        self.binary = Some(process.binary.clone());
        self.arguments = Some(process.words.iter().map(|word| word.to_string_lossy().into_owned()).collect());
        self.cwd = Some(process.cwd.clone());
        self
    }

    /// By a process of this container, or of the host.
    #[must_use]
    pub fn from(mut self, container: Option<&str>) -> Self {
        self.accessor = Accessor::At(container.map(str::to_owned));
        self
    }

    /// The process has changed its folder.
    #[must_use]
    pub fn cwd(mut self, cwd: &str) -> Self {
        self.cwd = Some(cwd.to_owned());
        self
    }

    /// The process is known by this executable.
    #[must_use]
    pub fn binary(mut self, binary: &str) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// Where the process stands after it has changed its root is its own affair.
    #[must_use]
    pub fn moved(mut self) -> Self {
        (self.binary, self.cwd) = (None, None);
        self
    }

    /// Only the process's number counts.
    #[must_use]
    pub fn bare(mut self) -> Self {
        (self.binary, self.arguments, self.cwd) = (None, None, None);
        self
    }

    /// The arguments are not compared here.
    #[must_use]
    pub fn whatever_arguments(mut self) -> Self {
        self.arguments = None;
        self
    }

    /// The process is not known beforehand.
    #[must_use]
    pub fn whoever(mut self) -> Self {
        self.pid = None;
        self.bare()
    }

    /// Recognised by its device and inode.
    #[must_use]
    pub fn by_identity(mut self) -> Self {
        self.check = Some("identity");
        self
    }

    /// Recognised by its name, before it was armed: fanotify does not.
    #[must_use]
    pub fn by_name(mut self) -> Self {
        self.check = Some("name");
        self.unseen_by_fanotify()
    }

    /// Or this operation: the kernel's hooks see it both ways.
    #[must_use]
    pub fn or(mut self, operation: &'static str) -> Self {
        self.operations.push(operation);
        self
    }

    /// It may stay away.
    #[must_use]
    pub fn maybe(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The process has ended since.
    #[must_use]
    pub fn gone(mut self) -> Self {
        self.gone = true;
        self
    }

    /// fanotify has no event for it.
    #[must_use]
    pub fn unseen_by_fanotify(mut self) -> Self {
        self.fanotify = false;
        self
    }

    /// What is left of it where fanotify keeps watch: opens of marked files, whatever they were for.
    pub(super) fn in_fanotify(mut self) -> Option<Self> {
        if !self.fanotify {
            return None;
        }
        self.operations = vec!["open"];
        self.check = Some("identity");
        self.slow = true;
        if self.gone {
            self = self.bare();
            self.accessor = Accessor::Anywhere;
        }
        Some(self)
    }

    /// What is wrong with an alert as this one's.
    fn differs(&self, told: &Told) -> Vec<String> {
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
        let late = self.slow && told.arguments.is_none();
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
pub(super) fn compare(wants: &[Want], mut told: Vec<Told>) -> (u64, Vec<String>) {
    let mut problems = Vec::new();
    let mut expected = 0;
    // Those that fit altogether first: a misfit must not take another's alert.
    let mut open: Vec<&Want> = Vec::new();
    for want in wants {
        match told.iter().position(|told| want.differs(told).is_empty()) {
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
        let nearest = (0..told.len()).min_by_key(|index| want.differs(&told[*index]).len());
        match nearest.filter(|index| want.differs(&told[*index]).len() < 4) {
            Some(index) => {
                let wrong = want.differs(&told.remove(index)).join("; ");
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
