//! Something in a manifest that is not, or not fully, in force: where it is, why, and what to do.

use std::fmt;
use std::hash::Hash;
use std::path::PathBuf;

use super::text::{bounded, shown};

/// Characters of a reason: a parser may repeat what it read.
const REASON_CHARS: usize = 400;

/// How much of an object a problem takes out of force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// What the problem names is not in force as written.
    Error,
    /// All is in force, and something is probably not meant.
    Warning,
    /// Nothing of ours; said so that nobody wonders.
    Info,
}

/// One problem of one file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// What it costs.
    pub severity: Severity,
    /// File name in the folder, or the folder itself.
    pub file: PathBuf,
    /// Line in the file, from 1.
    pub line: Option<u32>,
    /// The object, for example `DeceptionPolicy/demo`.
    pub object: Option<String>,
    /// The field, for example `spec.traps[0].filesystemHoneytoken.filePath`.
    pub field: Option<String>,
    /// What is wrong, in words that carry no secret.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A problem of a whole file; bounds the length of its text.
    pub(super) fn of_file(
        severity: Severity,
        file: impl Into<PathBuf>,
        reason: &str,
        remedy: &str,
    ) -> Self {
        Self {
            severity,
            file: file.into(),
            line: None,
            object: None,
            field: None,
            reason: bounded(reason, REASON_CHARS),
            remedy: bounded(remedy, REASON_CHARS),
        }
    }

    /// What makes it the same problem on whatever line: something above it may have changed.
    pub(super) fn identity(&self) -> impl Eq + Hash + '_ {
        let Self {
            severity,
            file,
            line: _,
            object,
            field,
            reason,
            remedy,
        } = self;
        (severity, file, object, field, reason, remedy)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&shown(&self.file.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        let place: Vec<&str> = [&self.object, &self.field]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if !place.is_empty() {
            write!(formatter, ": {}", place.join(" "))?;
        }
        write!(formatter, ": {}", self.reason)?;
        if !self.remedy.is_empty() {
            write!(formatter, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_place_reason_and_remedy() {
        let mut problem = Problem::of_file(Severity::Error, "a\n.yaml", "is empty", "fill it");
        assert_eq!(problem.to_string(), r"a\n.yaml: is empty; fill it");
        problem.line = Some(3);
        problem.object = Some("DeceptionPolicy/demo".to_owned());
        problem.field = Some("spec".to_owned());
        assert_eq!(
            problem.to_string(),
            r"a\n.yaml:3: DeceptionPolicy/demo spec: is empty; fill it"
        );
    }
}
