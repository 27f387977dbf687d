//! The message of RFC 5424: a head, no structured data, and the text.
//!
//! Structured data would need a number of our own from IANA, and most receivers look at the text only.

use super::cef;
use crate::alert::sentence::sentence;
use crate::alert::{Alert, Severity, Template};
use crate::sink::Render;
use crate::sink::clean::{clean, cut};

/// Bytes of a message: what a receiver should take (RFC 5425, section 4.3.1), and what rsyslog takes unless it is told otherwise.
pub(super) const LONGEST: usize = 8000;
/// Characters of one value of the text for people.
const LONGEST_VALUE: usize = 500;

/// What the text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The Common Event Format.
    #[default]
    Cef,
    /// A sentence for people.
    Message,
}

/// For whom a message is, as syslog has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Facility {
    /// 4
    Auth,
    /// 10
    #[default]
    Authpriv,
    /// 13
    Audit,
    /// 16 and the seven behind it.
    Local(u8),
}

/// Writes alerts as syslog messages.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
    /// What the text is.
    pub format: Format,
    /// For whom it is.
    pub facility: Facility,
    /// What a message for people begins with; the sentence where there is none.
    pub text: Option<Template>,
}

impl Facility {
    const fn code(self) -> u8 {
        match self {
            Self::Auth => 4,
            Self::Authpriv => 10,
            Self::Audit => 13,
            Self::Local(number) => 16 + (number & 7),
        }
    }
}

impl Render for Message {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let level = alert.severity(self.severity);
        let priority = u32::from(self.facility.code()) * 8 + priority(level);
        let host = alert.node_name().map(name).filter(|name| !name.is_empty()).unwrap_or_else(|| "-".to_owned());
        // No more than microseconds are allowed.
        let mut message = format!("<{priority}>1 {:.6} {host} koney - {} - ", alert.time, alert.kind());
        let room = LONGEST - message.len();
        match self.format {
            Format::Cef => message.push_str(&cef::event(alert, level, room)),
            Format::Message => message.push_str(&self.text(alert, level)),
        }
        message.truncate(message.floor_char_boundary(LONGEST));
        message.into_bytes()
    }
}

/// Critical, error, warning and notice.
const fn priority(level: Severity) -> u32 {
    match level {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
    }
}

/// A host is printable ASCII, at most 255 of it.
fn name(node: &str) -> String {
    node.chars().filter(char::is_ascii_graphic).take(255).collect()
}

impl Message {
    fn text(&self, alert: &Alert, level: Severity) -> String {
        let first = match &self.text {
            // What others wrote must not look like the values behind it.
            Some(text) => text.fill(alert, self.severity, |value| escaped(&cut(value, LONGEST_VALUE))),
            None => sentence(alert),
        };
        values(clean(&cut(&first, 4 * LONGEST_VALUE)), alert, level)
    }
}

/// With what is known behind it.
fn values(first: String, alert: &Alert, level: Severity) -> String {
    let process = alert.process.as_ref();
    let labels = &alert.labels;
    let values = [
        ("severity", Some(level.level().to_owned())),
        ("policy", alert.policy.clone()),
        ("cluster", alert.cluster.clone()),
        ("container", alert.container().map(|container| container.name.clone())),
        ("operation", alert.operation_name().map(str::to_owned)),
        ("executable", process.and_then(|process| process.executable.clone())),
        ("pid", process.and_then(|process| process.pid).map(|pid| pid.to_string())),
        ("uid", process.and_then(|process| process.uid).map(|uid| uid.to_string())),
        ("client", alert.trap.request().and_then(|request| request.client.clone())),
        ("path", alert.trap.request().and_then(|request| request.path.clone())),
        ("techniques", Some(labels.techniques.join(","))),
        ("tags", Some(labels.tags.join(","))),
        ("id", Some(alert.id.as_str().to_owned())),
        ("arguments", process.and_then(|process| process.arguments.clone())),
    ];
    values.into_iter().fold(first, |text, (name, value)| match value {
        Some(value) if !value.is_empty() => {
            format!("{text} {name}=\"{}\"", escaped(&cut(&value, LONGEST_VALUE)))
        }
        _ => text,
    })
}

/// A quote in a value must not end it.
fn escaped(value: &str) -> String {
    clean(value).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;

    fn message(format: Format, alert: &Alert) -> String {
        String::from_utf8(Message { format, ..Message::default() }.render(alert)).expect("UTF-8")
    }

    /// The grammar of RFC 5424, section 6, up to the text.
    #[test]
    fn the_head_is_as_the_standard_has_it() {
        let head = "<83>1 2025-07-18T19:39:11.987654Z minikube koney - access - ";
        for format in [Format::Cef, Format::Message] {
            assert!(message(format, &samples::in_pod()).starts_with(head));
        }
        let local = Message { facility: Facility::Local(7), ..Message::default() }.render(&samples::labelled());
        assert!(local.starts_with(b"<186>1 "));
    }

    #[test]
    fn a_message_is_one_line_whatever_others_wrote() {
        for format in [Format::Cef, Format::Message] {
            let text = message(format, &samples::hostile());
            assert!(!text.contains(char::is_control) && !text.contains('\u{202e}'), "{text}");
        }
    }

    #[test]
    fn a_message_is_as_long_as_receivers_take() {
        let mut alert = samples::with_arguments(&"\u{e9}=".repeat(60_000));
        if let Some(process) = &mut alert.process {
            process.executable = Some("/|".repeat(60_000));
        }
        for format in [Format::Cef, Format::Message] {
            assert!(message(format, &alert).len() <= LONGEST);
        }
    }

    #[test]
    fn a_message_begins_as_the_operator_writes_it() {
        let text = Some(Template::parse("{policy}: {arguments}").expect("a template"));
        let message = Message { format: Format::Message, text, ..Message::default() };
        let written = |alert: &Alert| String::from_utf8(message.render(alert)).expect("UTF-8");
        let text = written(&samples::with_arguments(r#"a" uid="0"#));
        let (_, text) = text.split_once(" - access - ").expect("a head");
        assert!(text.contains(r#": a\" uid=\"0 severity="HIGH""#), "{text}");
        assert!(!written(&samples::hostile()).contains(char::is_control));
    }

    #[test]
    fn a_value_ends_where_it_ends() {
        let text = message(Format::Message, &samples::with_arguments(r#"a" uid="0\"#));
        assert!(text.ends_with(r#" arguments="a\" uid=\"0\\""#), "{text}");
    }
}
