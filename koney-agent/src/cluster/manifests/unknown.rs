//! Fields that a typed object did not take: usually a misspelling that would silently fall back to a default.

use serde_json::Value;

use super::super::field::FieldPath;
use super::super::problem::{Problem, Severity};
use super::super::text::{nearest, quoted};
use super::node::{Content, Node};
use super::scope::Scope;

/// Warnings per object; past these the file is of another kind altogether.
const MAX_WARNINGS: usize = 20;

const TOP_LEVEL: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];
const SECRET: [&str; 7] = [
    "apiVersion",
    "kind",
    "metadata",
    "data",
    "stringData",
    "type",
    "immutable",
];
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Warns about unknown fields of a custom resource; `spec` is the typed specification written out again.
pub(super) fn of_resource(scope: &Scope<'_>, spec: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    // `kubectl get -o yaml` writes a status; it is not for us, and nothing to warn about.
    names(
        scope.node,
        &FieldPath::default(),
        &TOP_LEVEL.iter().chain(&["status"]).copied(),
        &mut found,
    );
    metadata(scope, &mut found);
    if let Some(node) = scope.node.get("spec") {
        compare(node, spec, &FieldPath::root("spec"), &mut found);
    }
    warnings(scope, found)
}

/// Warns about unknown fields of a Secret.
pub(super) fn of_secret(scope: &Scope<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    names(
        scope.node,
        &FieldPath::default(),
        &SECRET.iter().copied(),
        &mut found,
    );
    metadata(scope, &mut found);
    warnings(scope, found)
}

type Found = (FieldPath, Option<String>);

fn metadata(scope: &Scope<'_>, found: &mut Vec<Found>) {
    if let Some(node) = scope.node.get("metadata") {
        names(
            node,
            &FieldPath::root("metadata"),
            &METADATA.iter().copied(),
            found,
        );
    }
}

/// The typed form, written out, has every field it knows and no other.
fn compare(given: &Node, known: &Value, path: &FieldPath, found: &mut Vec<Found>) {
    match (&given.content, known) {
        (Content::Map(entries), Value::Object(fields)) => {
            names(given, path, &fields.keys().map(String::as_str), found);
            for entry in entries {
                if let Some(field) = fields.get(&entry.key) {
                    compare(&entry.value, field, &path.key(&entry.key), found);
                }
            }
        }
        (Content::List(items), Value::Array(values)) => {
            for (index, (item, value)) in items.iter().zip(values).enumerate() {
                compare(item, value, &path.index(index), found);
            }
        }
        _ => {}
    }
}

fn names<'k>(
    given: &Node,
    path: &FieldPath,
    known: &(impl Iterator<Item = &'k str> + Clone),
    found: &mut Vec<Found>,
) {
    let Content::Map(entries) = &given.content else {
        return;
    };
    for entry in entries {
        let is_null = matches!(entry.value.content, Content::Null);
        if !is_null && !known.clone().any(|name| name == entry.key) && found.len() < MAX_WARNINGS {
            found.push((
                path.key(&entry.key),
                nearest(&entry.key, known.clone()).map(quoted),
            ));
        }
    }
}

fn warnings(scope: &Scope<'_>, found: Vec<Found>) -> Vec<Problem> {
    let warn = |(field, meant): Found| {
        let remedy = meant.map_or_else(
            || "remove it".to_owned(),
            |name| format!("did you mean {name}?"),
        );
        scope.problem(
            Severity::Warning,
            &field,
            "is an unknown field and has no effect",
            &remedy,
        )
    };
    found.into_iter().map(warn).collect()
}
