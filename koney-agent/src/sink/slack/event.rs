//! The message: one sentence, and below it what a person asks next.
//!
//! Much of it may be an attacker's: everything is plain text, in which Slack knows no links, no mentions and no formatting, and what
//! would be the beginning of one is escaped all the same.

use serde_json::{Value, json};

use crate::alert::{Alert, Severity, Template};
use crate::sink::Render;
use crate::sink::clean::{clean, cut};

/// Characters of the sentence and of one value; Slack takes 3000 and 2000.
const LONGEST_TEXT: usize = 2900;
const LONGEST_VALUE: usize = 300;
/// Slack shows at most so many values in a section.
const MOST_VALUES: usize = 10;

/// Writes alerts for people.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
    /// The sentence.
    pub text: Template,
}

impl Render for Message {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let text = cut(&self.text.fill(alert, self.severity, written), LONGEST_TEXT);
        let values: Vec<Value> = values(alert, self.severity).into_iter().take(MOST_VALUES).map(|value| plain(&value)).collect();
        let foot = format!("{} · {} · koney", alert.time_in_seconds(), alert.id);
        let message = json!({
            "text": text,
            "mrkdwn": false,
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
            "blocks": [
                { "type": "header", "text": plain(title(alert)) },
                { "type": "section", "text": plain(&text), "fields": values },
                { "type": "context", "elements": [plain(&foot)] },
            ],
        });
        serde_json::to_vec(&message).expect("a JSON value can be written")
    }
}

fn title(alert: &Alert) -> &'static str {
    match alert.kind() {
        "access" => "Honeytoken accessed",
        "tampering" => "Honeytoken tampered with",
        "coverage" => "Gap in coverage",
        "heartbeat" => "Heartbeat",
        _ => "Test",
    }
}

fn values(alert: &Alert, severity: Severity) -> Vec<String> {
    let container = alert.container().filter(|container| !container.is_unknown());
    let process = alert.process.as_ref();
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    let values = [
        ("Severity", Some(alert.severity(severity).level().to_owned())),
        ("Policy", alert.policy.clone()),
        ("Trap", alert.trap.target().map(str::to_owned)),
        ("Pod", container.map(|container| format!("{}/{} ({})", container.namespace, container.pod, container.name))),
        ("Node", alert.node_name().map(str::to_owned)),
        ("Cluster", alert.cluster.clone()),
        ("Program", process.and_then(|process| process.executable.clone())),
        ("Arguments", process.and_then(|process| process.arguments.clone())),
        ("User", process.and_then(|process| process.uid).map(|uid| uid.to_string())),
        ("Client", alert.trap.request().and_then(|request| request.client.clone())),
        ("Techniques", list(&alert.labels.techniques)),
        ("Tags", list(&alert.labels.tags)),
    ];
    let told = values.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    told.map(|(name, value)| format!("{name}\n{}", written(&value))).collect()
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// Cut before it is escaped: half of `&amp;` would be something else.
fn written(value: &str) -> String {
    cut(&clean(value), LONGEST_VALUE).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;

    #[test]
    fn what_others_wrote_is_neither_link_nor_mention() {
        let message: Value = serde_json::from_slice(&Message::default().render(&samples::hostile())).expect("JSON");
        let text = message.to_string();
        for sign in ["<!channel", "<http", "</x>", "\u{202e}", "\\u001b"] {
            assert!(!text.contains(sign), "{sign}: {text}");
        }
        assert!(text.contains("&lt;!channel&gt;"), "{text}");
        let kinds = text.matches("\"plain_text\"").count();
        assert_eq!(kinds, text.matches("\"emoji\":false").count());
        assert!(!text.contains("\"mrkdwn\":true") && !text.contains("\"type\":\"mrkdwn\""));
    }

    #[test]
    fn slacks_limits_are_kept() {
        let message = Message::default().render(&samples::with_arguments(&"&".repeat(100_000)));
        let message: Value = serde_json::from_slice(&message).expect("JSON");
        let fields = message["blocks"][1]["fields"].as_array().expect("fields");
        assert!(fields.len() <= 10);
        assert!(fields.iter().all(|field| field["text"].as_str().is_some_and(|text| text.chars().count() <= 2000)));
    }

    #[test]
    fn the_sentence_is_the_operators() {
        let text = Template::parse("<!here> {trap}").expect("a template");
        let message: Value =
            serde_json::from_slice(&Message { text, ..Message::default() }.render(&samples::hostile())).expect("JSON");
        assert_eq!(message["text"], "<!here> /run/secrets/koney/service_token");
    }
}
