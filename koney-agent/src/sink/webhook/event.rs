//! The body, in the format that the resource asks for.

use serde_json::{Value, json};

use super::ocsf;
use crate::alert::{Alert, Severity, line};
use crate::sink::Render;
use crate::sink::clean::clean;
use crate::sink::document::document;

/// How alerts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `CloudEvents` 1.0 in structured mode, with koney's own document as data.
    #[default]
    CloudEvents,
    /// The JSON that Koney writes to standard output, on one line.
    Koney,
    /// OCSF 1.5.0, class 2004 (Detection Finding).
    Ocsf,
}

/// Writes alerts for web servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Webhook {
    /// How.
    pub format: Format,
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
}

/// What a kept body is: the resource may have asked for another format when it was written.
pub(super) fn content_type(body: &[u8]) -> &'static str {
    #[derive(serde::Deserialize)]
    struct Head {
        specversion: Option<serde::de::IgnoredAny>,
    }
    let is_event = serde_json::from_slice::<Head>(body).is_ok_and(|head| head.specversion.is_some());
    if is_event { "application/cloudevents+json; charset=utf-8" } else { "application/json" }
}

impl Render for Webhook {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let value = match self.format {
            Format::Koney => return line::line(alert).into_bytes(),
            Format::CloudEvents => cloud_event(alert, self.severity),
            Format::Ocsf => ocsf::finding(alert, self.severity),
        };
        serde_json::to_vec(&value).expect("a JSON value can be written")
    }
}

fn cloud_event(alert: &Alert, severity: Severity) -> Value {
    let subject = match alert.kind() {
        kind @ ("access" | "tampering") => format!("honeytoken.{kind}"),
        kind => kind.to_owned(),
    };
    let mut event = json!({
        "specversion": "1.0",
        "id": alert.id.as_str(),
        "source": source(alert),
        "type": format!("com.dynatrace.research.koney.{subject}.v1"),
        "time": format!("{:.9}", alert.time),
        "datacontenttype": "application/json",
        "data": document(alert, severity),
    });
    // Attributes of CloudEvents may not hold control characters, and what is touched is the policy's to name.
    if let (Some(target), Some(event)) = (alert.trap.target().filter(|target| !target.is_empty()), event.as_object_mut()) {
        event.insert("subject".to_owned(), clean(target).into());
    }
    event
}

/// A reference as RFC 3986 has it: `//koney/CLUSTER/NODE`.
fn source(alert: &Alert) -> String {
    let parts = [alert.cluster.as_deref(), alert.node_name()].into_iter().flatten();
    parts.fold("//koney".to_owned(), |source, part| source + "/" + &escaped(part))
}

fn escaped(part: &str) -> String {
    part.bytes().fold(String::new(), |text, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text + char::from(byte).encode_utf8(&mut [0; 4]),
        other => text + &format!("%{other:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;

    /// `spec.md` of `CloudEvents` 1.0.2, "Required Attributes" and "Optional Attributes".
    #[test]
    fn a_cloud_event_has_what_the_specification_requires() {
        for alert in [samples::labelled(), samples::http_endpoint(), samples::coverage(), samples::hostile()] {
            let event = cloud_event(&alert, Severity::High);
            for required in ["id", "source", "specversion", "type"] {
                assert!(event[required].as_str().is_some_and(|text| !text.is_empty()), "{required}");
            }
            let attributes = event.as_object().expect("an object");
            let is_name = |name: &str| name.len() <= 20 && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
            assert!(attributes.keys().all(|name| is_name(name)), "{event}");
            assert!(attributes.values().filter_map(Value::as_str).all(|text| !text.contains(char::is_control)), "{event}");
        }
    }

    #[test]
    fn a_body_says_itself_what_it_is() {
        let kind = |format| content_type(&Webhook { format, ..Webhook::default() }.render(&samples::in_pod()));
        assert_eq!(kind(Format::CloudEvents), "application/cloudevents+json; charset=utf-8");
        assert_eq!((kind(Format::Koney), kind(Format::Ocsf)), ("application/json", "application/json"));
        assert_eq!(content_type(b"torn"), "application/json");
    }

    #[test]
    fn the_source_is_a_reference() {
        let mut alert = samples::labelled();
        assert_eq!(source(&alert), "//koney/prod-eu/minikube");
        alert.cluster = Some("a b/\u{e9}".to_owned());
        assert_eq!(source(&alert), "//koney/a%20b%2F%C3%A9/minikube");
    }
}
