//! Tables of the fields of the resources, from the schemas that a cluster is given.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use koney_agent::cluster::crds::definitions;
use serde_json::Value;

use super::document::Part;

/// Where in a definition the schema of a part of a resource is.
const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema/properties";

/// `policy.spec`, `policy.status`, `sink.spec` without its receivers, `sink.NAME` for each of those, `sink.status`.
pub(crate) fn tables() -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (plural, definition) in definitions() {
        let kind = if plural == "deceptionpolicies" { "policy" } else { "sink" };
        let of = |part: &str| definition.pointer(&format!("{SCHEMA}/{part}")).with_context(|| format!("{plural} has no {part}"));
        let (spec, status) = (of("spec")?, of("status")?);
        let mut common = spec.clone();
        if kind == "sink" {
            let fields = common["properties"].as_object_mut().context("a spec has fields")?;
            let receivers: Vec<String> =
                fields.iter().filter(|(_, schema)| is_receiver(schema)).map(|(name, _)| name.clone()).collect();
            for name in receivers {
                let schema = fields.remove(&name).context("was there")?;
                parts.push((format!("sink.{name}"), table(&schema, &format!("{name}."))?));
            }
        }
        parts.push((format!("{kind}.spec"), table(&common, "")?));
        parts.push((format!("{kind}.status"), table(status, "")?));
    }
    Ok(parts)
}

fn is_receiver(schema: &Value) -> bool {
    schema.pointer("/properties/secretName").is_some()
}

fn table(schema: &Value, before: &str) -> Result<String> {
    let mut text = "| field | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    rows(&mut text, schema, before)?;
    Ok(text)
}

fn rows(text: &mut String, schema: &Value, before: &str) -> Result<()> {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(fields) = schema["properties"].as_object() else { return Ok(()) };
    for (name, field) in fields {
        let path = format!("{before}{name}");
        let default = match &field["default"] {
            _ if required.iter().any(|known| known == name) => "required".to_owned(),
            Value::Null => "–".to_owned(),
            value if *value == "" => "empty".to_owned(),
            value => format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        };
        let meaning = field["description"].as_str().with_context(|| format!("`{path}` has no description"))?;
        writeln!(text, "| `{path}` | {} | {default} | {} |", kind(field), cell(meaning))?;
        rows(text, field, &format!("{path}."))?;
        rows(text, &field["items"], &format!("{path}[]."))?;
    }
    Ok(())
}

/// Its type, or what it may be.
fn kind(field: &Value) -> String {
    let choices = field["enum"].as_array().or_else(|| field["items"]["enum"].as_array());
    if let Some(choices) = choices {
        let choices: Vec<_> = choices.iter().filter_map(Value::as_str).map(|choice| format!("`{choice}`")).collect();
        let list = if field["type"] == "array" { "list of " } else { "" };
        return format!("{list}{}", choices.join(", "));
    }
    let word = |schema: &Value| schema["type"].as_str().unwrap_or("any").to_owned();
    match field["type"].as_str() {
        Some("array") => format!("list of {}s", word(&field["items"])),
        Some("object") if field["additionalProperties"].is_object() => {
            format!("map to {}s", word(&field["additionalProperties"]))
        }
        _ => word(field),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
