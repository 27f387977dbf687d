//! What Dynatrace's documentation asks of a detection finding, as a check of one event.
//!
//! Sources: "POST Built-in security events (new)", "`OpenPipeline` limits" and the semantic dictionary for detections, as of November
//! 2026; the fields without which the Threats & Exploits app hides a finding are required here.

use serde_json::Value;

const REQUIRED: [&str; 15] = [
    "timestamp",
    "event.kind",
    "event.type",
    "event.id",
    "event.provider",
    "finding.id",
    "finding.title",
    "finding.time.created",
    "finding.type",
    "finding.severity",
    "dt.security.risk.level",
    "object.id",
    "object.name",
    "object.type",
    "product.name",
];
const LEVELS: [&str; 4] = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
const NUMBERS: [&str; 3] = ["dt.security.risk.score", "process.pid", "process.uid"];
/// Safe bounds where none are published (those of the sibling APIs).
const MOST_ATTRIBUTES: usize = 100;
const LONGEST_VALUE: usize = 4096;

/// The first thing that is wrong with the event; `None` for a good one.
#[must_use]
pub fn problem(event: &Value) -> Option<String> {
    let Some(fields) = event.as_object() else { return Some("an event is a JSON object".to_owned()) };
    if fields.len() > MOST_ATTRIBUTES {
        return Some(format!("{} attributes", fields.len()));
    }
    if let Some(name) = REQUIRED.into_iter().find(|name| fields.get(*name).and_then(Value::as_str).is_none_or(str::is_empty)) {
        return Some(format!("{name} is missing or not a string"));
    }
    for (name, value) in fields {
        match value {
            Value::Null => return Some(format!("{name} is null")),
            Value::Object(_) | Value::Array(_) | Value::Bool(_) => return Some(format!("{name} is not flat")),
            Value::Number(_) if !NUMBERS.contains(&name.as_str()) => return Some(format!("{name} is a number")),
            Value::String(_) if NUMBERS.contains(&name.as_str()) => return Some(format!("{name} is a string")),
            Value::String(text) if text.len() > LONGEST_VALUE => return Some(format!("{name} is too long")),
            _ => {}
        }
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("event.kind") != "SECURITY_EVENT" || text("event.type") != "DETECTION_FINDING" {
        return Some("not a detection finding".to_owned());
    }
    if !LEVELS.contains(&text("dt.security.risk.level")) {
        return Some(format!("risk level {}", text("dt.security.risk.level")));
    }
    let score = fields.get("dt.security.risk.score").and_then(Value::as_f64).unwrap_or(-1.0);
    if !(0.1..=10.0).contains(&score) {
        return Some(format!("risk score {score}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::problem;

    #[test]
    fn nulls_and_missing_fields_are_found() {
        assert_eq!(problem(&json!([])), Some("an event is a JSON object".to_owned()));
        assert_eq!(
            problem(&json!({"timestamp": "2025-07-18T19:39:11Z"})),
            Some("event.kind is missing or not a string".to_owned())
        );
    }
}
