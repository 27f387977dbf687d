//! A Secret of a manifest to its decoded values.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretSlice;

use super::super::field::FieldPath;
use super::super::problem::Severity;
use super::super::secret::{Secret, decode};
use super::super::snapshot::ObjectRef;
use super::node::{Content, Node};
use super::object::{Object, Outcome, Reading};
use super::scope::Scope;
use super::unknown;

/// Read by hand: a value in the wrong place must not end up in serde's error text.
pub(super) fn read(scope: &Scope<'_>, object: ObjectRef) -> Reading {
    let mut problems = unknown::of_secret(scope);
    let mut values = BTreeMap::new();
    let mut failed = false;
    // `stringData` comes second, since it wins.
    for (section, encoded) in [("data", true), ("stringData", false)] {
        let path = FieldPath::root(section);
        let entries = match scope.node.get(section).map(|node| (node, &node.content)) {
            None => continue,
            Some((_, Content::Map(entries))) => entries,
            Some((node, _)) => {
                let reason = format!("must be a mapping, got {}", node.describe());
                problems.push(scope.problem(
                    Severity::Error,
                    &path,
                    &reason,
                    "write one key and value per line",
                ));
                failed = true;
                continue;
            }
        };
        for entry in entries {
            match value(&entry.value, encoded) {
                Ok(value) => drop(values.insert(entry.key.clone(), value)),
                Err((reason, remedy)) => {
                    problems.push(scope.problem(
                        Severity::Error,
                        &path.key(&entry.key),
                        &reason,
                        remedy,
                    ));
                    failed = true;
                }
            }
        }
    }
    let outcome = match &object.namespace {
        Some(namespace) if !failed => Outcome::Valid(Object::Secret(Arc::new(Secret::new(
            namespace,
            &object.name,
            values,
        )))),
        _ => Outcome::Invalid { fallback: None },
    };
    Reading {
        line: scope.node.line,
        object: Some(object),
        outcome,
        problems,
    }
}

fn value(node: &Node, encoded: bool) -> Result<SecretSlice<u8>, (String, &'static str)> {
    match &node.content {
        Content::Null => Ok(SecretSlice::from(Vec::new())),
        Content::Text(text) if encoded => decode(text).ok_or((
            "is not valid base64".to_owned(),
            "encode the value, or move it to stringData",
        )),
        Content::Text(text) => Ok(SecretSlice::from(text.clone().into_bytes())),
        _ => Err((
            format!("must be a string, got {}", node.describe()),
            "put the value in quotes",
        )),
    }
}
