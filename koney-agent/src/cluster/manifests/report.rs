//! Problems to the log: once when they appear, once when they are gone.

use std::collections::HashSet;

use super::super::problem::{Problem, Severity};
use super::super::text::shown;

/// Logs the difference between the problems of two snapshots.
pub(in super::super) fn changes(before: &[Problem], now: &[Problem]) {
    for problem in missing_from(before, now) {
        let Problem { severity, file, line, object, field, reason, remedy } = problem;
        let file = shown(&file.to_string_lossy());
        let (object, field) = (object.as_deref(), field.as_deref());
        match severity {
            Severity::Error => tracing::error!(file, line, object, field, reason, remedy, "manifest not in force"),
            Severity::Warning => tracing::warn!(file, line, object, field, reason, remedy, "manifest questionable"),
            Severity::Info => tracing::info!(file, line, object, field, reason, remedy, "manifest not for koney"),
        }
    }
    for Problem { severity, file, object, field, reason, .. } in missing_from(now, before) {
        if *severity != Severity::Info {
            let file = shown(&file.to_string_lossy());
            let (object, field) = (object.as_deref(), field.as_deref());
            tracing::info!(file, object, field, reason, "manifest problem resolved");
        }
    }
}

/// Those of `all` that `known` does not have, on whatever line.
fn missing_from<'a>(known: &'a [Problem], all: &'a [Problem]) -> impl Iterator<Item = &'a Problem> {
    let known: HashSet<_> = known.iter().map(Problem::identity).collect();
    all.iter().filter(move |problem| !known.contains(&problem.identity()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_that_only_moved_is_not_new() {
        let first = Problem { line: Some(3), ..Problem::of_file(Severity::Error, "a.yaml", "is bad", "") };
        let moved = Problem { line: Some(9), ..first.clone() };
        let other = Problem { reason: "is worse".to_owned(), ..first.clone() };
        assert_eq!(missing_from(std::slice::from_ref(&first), &[moved, other.clone()]).collect::<Vec<_>>(), [&other]);
    }
}
