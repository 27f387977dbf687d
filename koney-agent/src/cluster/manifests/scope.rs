//! Which object of which file is being read, so that a problem can say where it is.

use std::path::Path;

use super::super::field::FieldPath;
use super::super::problem::{Problem, Severity};
use super::super::snapshot::ObjectRef;
use super::node::Node;

/// The object that is being read.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) file: &'a Path,
    pub(super) node: &'a Node,
    /// Path of the object in its document: empty but for an item of a list.
    pub(super) prefix: FieldPath,
    /// The object, as soon as it is known.
    pub(super) object: Option<String>,
}

impl Scope<'_> {
    /// A problem of one field; an empty path means the object itself.
    pub(super) fn problem(&self, severity: Severity, field: &FieldPath, reason: &str, remedy: &str) -> Problem {
        let shown = self.prefix.join(field);
        Problem {
            // What comes from the API server has no lines.
            line: Some(self.node.line_of(field)).filter(|line| *line > 0),
            object: self.object.clone(),
            field: (!shown.is_empty()).then(|| shown.to_string()),
            ..Problem::of_file(severity, self.file, reason, remedy)
        }
    }

    /// What takes the object out of force.
    pub(super) fn error(&self, field: &FieldPath, reason: &str, remedy: &str) -> Box<Problem> {
        Box::new(self.problem(Severity::Error, field, reason, remedy))
    }

    pub(super) fn name(&mut self, object: &ObjectRef) {
        self.object = Some(object.to_string());
    }
}
