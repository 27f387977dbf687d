//! A `spec` to its Rust type, and serde's errors to a field, a reason and a remedy.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use super::super::field::FieldPath;
use super::super::problem::Problem;
use super::node::Node;
use super::scope::Scope;

/// Reads `spec`; an absent one is empty, as it is to the API server.
pub(super) fn spec<T: DeserializeOwned>(scope: &Scope<'_>) -> Result<T, Box<Problem>> {
    let value = scope
        .node
        .get("spec")
        .map_or_else(|| Value::Object(Map::new()), Node::to_json);
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = FieldPath::root("spec").join(&field_of(error.path()));
        explain(scope, &field, &error.inner().to_string())
    })
}

fn field_of(path: &Path) -> FieldPath {
    path.iter()
        .fold(FieldPath::default(), |field, segment| match segment {
            Segment::Seq { index } => field.index(*index),
            Segment::Map { key } => field.key(key),
            Segment::Enum { variant } => field.key(variant),
            Segment::Unknown => field,
        })
}

fn explain(scope: &Scope<'_>, field: &FieldPath, message: &str) -> Box<Problem> {
    if let Some(name) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return scope.error(&field.key(name), "is required", "add it");
    }
    let Some((got, expected)) = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        let remedy = if message.starts_with("unknown ") {
            "use one of these"
        } else {
            "correct the value"
        };
        return scope.error(field, message, remedy);
    };
    let is_scalar = ["boolean", "integer", "floating point"]
        .iter()
        .any(|kind| got.starts_with(kind));
    let remedy = if expected == "a string" && is_scalar {
        "put the value in quotes"
    } else {
        "correct the value"
    };
    let reason = format!("must be {}, got {}", in_yaml(expected), in_yaml(got));
    scope.error(field, &reason, remedy)
}

/// The words of YAML for those of Rust.
fn in_yaml(words: &str) -> &str {
    match words {
        "map" | "a map" => "a mapping",
        "sequence" | "a sequence" => "a list",
        "unit value" | "null" => "nothing",
        _ if words.starts_with("struct ") => "a mapping",
        _ => words,
    }
}
