//! The Common Event Format: a head of seven fields between bars, and names with values behind it.
//!
//! In the head `|` and `\` are escaped, in values `=` and `\` (and line breaks, of which nothing is left here): what others wrote
//! cannot become a field of its own.

use crate::alert::sentence::sentence;
use crate::alert::{Alert, Severity};
use crate::sink::clean::{clean, cut};

/// Characters of one value: custom strings have no more than 4000, and all of them together have to find room.
const LONGEST: usize = 1000;

/// The event in at most `room` bytes: values that find none are left out, the least important first.
pub(super) fn event(alert: &Alert, level: Severity, room: usize) -> String {
    let name = cut(&clean(&sentence(alert)), 512).replace('\\', "\\\\").replace('|', "\\|");
    let version = env!("CARGO_PKG_VERSION");
    let mut event = format!("CEF:0|Dynatrace Research|Koney|{version}|koney.{}|{name}|{}|", alert.kind(), severity(level));
    let mut separator = "";
    for (key, value) in values(alert) {
        let value = cut(&clean(&value), LONGEST).replace('\\', "\\\\").replace('=', "\\=");
        let part = format!("{separator}{key}={value}");
        if !value.is_empty() && event.len() + part.len() <= room {
            event.push_str(&part);
            separator = " ";
        }
    }
    event
}

/// From 0 to 10.
const fn severity(level: Severity) -> u8 {
    match level {
        Severity::Low => 3,
        Severity::Medium => 6,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}

/// In the order of their importance.
fn values(alert: &Alert) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    let mut add = |key, value: Option<String>| values.extend(value.map(|value| (key, value)));
    let text = |value: Option<&str>| value.map(str::to_owned);
    let mut customs = Vec::new();
    let container = alert.container();
    let process = alert.process.as_ref();
    let request = alert.trap.request();
    add("externalId", Some(alert.id.as_str().to_owned()));
    add("rt", Some(alert.time.as_millisecond().to_string()));
    add("cat", Some(alert.trap.koney_type().to_owned()));
    add("act", text(alert.operation_name().or(alert.gap.map(|gap| gap.cause.name()))));
    add("dvchost", text(alert.node_name()));
    add("filePath", text(alert.trap.file_path()));
    add("requestMethod", text(request.and_then(|request| request.method.as_deref())));
    add("dhost", text(request.and_then(|request| request.host.as_deref())));
    add("request", text(request.and_then(|request| request.path.as_deref())));
    add("src", text(request.and_then(|request| request.client.as_deref())));
    add("suid", process.and_then(|process| process.uid).map(|uid| uid.to_string()));
    add("spid", process.and_then(|process| process.pid).map(|pid| pid.to_string()));
    add("sproc", text(process.and_then(|process| process.executable.as_deref())));
    add("cnt", alert.repeats.map(|repeated| repeated.count).or(alert.gap.map(|gap| gap.count)).map(|count| count.to_string()));
    customs.push(("cs1", "cs1Label", "policy", text(alert.policy.as_deref())));
    customs.push(("cs2", "cs2Label", "namespace", container.map(|container| container.namespace.clone())));
    customs.push(("cs3", "cs3Label", "pod", container.map(|container| container.pod.clone())));
    customs.push(("cs4", "cs4Label", "container", container.map(|container| container.name.clone())));
    customs.push(("cs5", "cs5Label", "techniques", Some(alert.labels.techniques.join(","))));
    customs.push(("cs6", "cs6Label", "tags", Some(alert.labels.tags.join(","))));
    for (key, label_key, label, value) in customs {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            add(label_key, Some(label.to_owned()));
            add(key, Some(value));
        }
    }
    add("deviceExternalId", text(alert.cluster.as_deref()));
    add("oldFilePath", text(alert.accessed_path.as_deref()));
    add("msg", text(process.and_then(|process| process.arguments.as_deref())));
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;

    #[test]
    fn what_others_wrote_is_no_field_and_no_value_of_another() {
        let mut alert = samples::with_arguments("x suid=0 \\ act=none|CEF:0|\nrt=1");
        alert.trap = crate::alert::Trap::FilesystemHoneytoken { file_path: "/a|b=c\\d".to_owned() };
        let event = event(&alert, Severity::High, 8000);
        let head: Vec<_> = event.split('|').take(5).collect();
        assert_eq!(head.first().copied(), Some("CEF:0"));
        assert!(event.contains(r"|koney.access|Access to honeytoken (/a\|b=c\\d) in pod "), "{event}");
        assert!(event.contains(r" filePath=/a|b\=c\\d "), "{event}");
        assert!(event.ends_with("msg=x suid\\=0 \\\\ act\\=none|CEF:0|\u{fffd}rt\\=1"), "{event}");
    }

    #[test]
    fn what_finds_no_room_is_left_out_whole() {
        let full = event(&samples::labelled(), Severity::High, 8000);
        let tight = event(&samples::labelled(), Severity::High, full.len() - 1);
        assert!(full.contains(" msg=") && !tight.contains(" msg="), "{tight}");
        assert!(tight.contains("externalId="));
    }
}
