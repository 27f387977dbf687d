//! Koney's alert line: the JSON object, on one line, that users of Koney read from the container `alerts`.
//!
//! The encoding is the one of Python's `json.dumps`, because what people compare and hash is the text.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{Alert, Owner, Process};

/// Renders the line, without the line break.
#[must_use]
pub fn line(alert: &Alert) -> String {
    let mut bytes = Vec::with_capacity(1024);
    Line::of(alert)
        .serialize(&mut Serializer::with_formatter(&mut bytes, PythonFormatter))
        .expect("writing to memory cannot fail and every key is a string");
    String::from_utf8(bytes).expect("the encoding is ASCII")
}

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    deception_policy_name: Option<&'a str>,
    trap_type: &'static str,
    metadata: Metadata<'a>,
    pod: Option<Pod<'a>>,
    node: Option<Node<'a>>,
    process: Option<Actor<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_path: Option<&'a str>,
    /// Koney knows accesses only: anything else names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_address: Option<&'a str>,
}

#[derive(Serialize)]
struct Pod<'a> {
    name: &'a str,
    namespace: &'a str,
    container: PodContainer<'a>,
}

#[derive(Serialize)]
struct PodContainer<'a> {
    id: String,
    name: &'a str,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Actor<'a> {
    uid: Option<u32>,
    pid: Option<u32>,
    cwd: Option<&'a str>,
    binary: Option<&'a str>,
    arguments: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(alert: &'a Alert) -> Self {
        Self {
            timestamp: alert.time_in_seconds(),
            deception_policy_name: alert.policy.as_deref(),
            trap_type: alert.trap.koney_type(),
            metadata: Metadata::of(alert),
            pod: match &alert.owner {
                Owner::Container(container) if !container.is_unknown() => Some(Pod {
                    name: &container.pod,
                    namespace: &container.namespace,
                    container: PodContainer { id: container.koney_id(), name: &container.name },
                }),
                Owner::Container(_) | Owner::Host { .. } => None,
            },
            node: alert.node_name().map(|name| Node { name }),
            process: alert.process.as_ref().map(Actor::of),
        }
    }
}

impl<'a> Metadata<'a> {
    fn of(alert: &'a Alert) -> Self {
        let request = alert.trap.request();
        Self {
            file_path: alert.trap.file_path(),
            operation: alert.operation.is_beyond_access().then(|| alert.operation.name()),
            request_method: request.and_then(|request| request.method.as_deref()),
            request_host: request.and_then(|request| request.host.as_deref()),
            request_path: request.and_then(|request| request.path.as_deref()),
            client_address: request.and_then(|request| request.client.as_deref()),
        }
    }
}

impl<'a> Actor<'a> {
    fn of(process: &'a Process) -> Self {
        Self {
            uid: process.uid,
            pid: process.pid,
            cwd: process.cwd.as_deref(),
            binary: process.executable.as_deref(),
            arguments: process.arguments.as_deref(),
        }
    }
}

struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    // serde_json escapes `"`, `\` and U+0000..U+001F the way Python does; what is left to us lies from DEL on.
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                writer.write_all(&[u8::try_from(character).expect("ASCII by the match above")])?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HttpRequest, Trap, samples};
    use super::*;

    /// The arguments as they stand in the line, quotes included.
    fn encoded(arguments: &str) -> String {
        let line = line(&samples::with_arguments(arguments));
        let (_, rest) = line.split_once("\"arguments\": ").expect("the key is there");
        rest.strip_suffix("}}").expect("the last key").to_owned()
    }

    #[test]
    fn is_koneys_line_to_the_byte() {
        assert_eq!(
            line(&samples::in_pod()),
            concat!(
                r#"{"timestamp": "2025-07-18T19:39:11Z", "deception_policy_name": "deceptionpolicy-servicetoken", "#,
                r#""trap_type": "filesystem_honeytoken", "metadata": {"file_path": "/run/secrets/koney/service_token"}, "#,
                r#""pod": {"name": "koney-demo-deployment-8f9cb7b9c-q4fxl", "namespace": "koney-demo", "container": "#,
                r#"{"id": "6f5ab819f146ffd24745bac5d3dc2c3d4071c504366fb85b416a7a500de144d9", "name": "nginx"}}, "#,
                r#""node": {"name": "minikube"}, "process": {"uid": 0, "pid": 9999, "cwd": "/", "#,
                r#""binary": "/usr/bin/cat", "arguments": "/run/secrets/koney/service_token"}}"#
            )
        );
    }

    #[test]
    fn has_no_pod_on_a_host() {
        let line = line(&samples::on_host());
        assert!(line.contains(r#""pod": null, "node": {"name": "web-1"}, "process": {"#), "{line}");
    }

    #[test]
    fn a_container_of_cri_o_keeps_its_word_as_with_koney() {
        let mut alert = samples::in_pod();
        container_of(&mut alert).runtime = "cri-o".to_owned();
        assert!(line(&alert).contains(r#""container": {"id": "cri-o://6f5ab819"#), "{}", line(&alert));
        container_of(&mut alert).pod.clear();
        assert!(line(&alert).contains(r#""pod": null"#), "nobody knows its pod: {}", line(&alert));
    }

    fn container_of(alert: &mut Alert) -> &mut super::super::Container {
        match &mut alert.owner {
            Owner::Container(container) => container,
            Owner::Host { .. } => panic!("a container"),
        }
    }

    #[test]
    fn keeps_nulls() {
        let mut alert = samples::in_pod();
        alert.policy = None;
        alert.trap = Trap::Unknown;
        alert.node = None;
        alert.process = Some(Process { pid: Some(7), ..Process::default() });
        let full = line(&alert);
        assert!(full.contains(r#""deception_policy_name": null, "trap_type": "unknown", "metadata": {}, "#), "{full}");
        assert!(
            full.ends_with(
                r#""node": null, "process": {"uid": null, "pid": 7, "cwd": null, "binary": null, "arguments": null}}"#
            ),
            "{full}"
        );
        alert.process = None;
        assert!(line(&alert).ends_with(r#""process": null}"#));
    }

    #[test]
    fn every_type_of_trap_has_its_metadata() {
        let metadata = |trap: Trap| {
            let line = line(&Alert { trap, ..samples::in_pod() });
            let (_, rest) = line.split_once("\"trap_type\": ").expect("the key is there");
            rest.split_once(", \"pod\"").expect("the next key").0.to_owned()
        };
        assert_eq!(
            metadata(samples::http_endpoint().trap),
            concat!(
                r#""http_endpoint", "metadata": {"request_method": "GET", "request_host": "shop.example", "#,
                r#""request_path": "/admin/backup.sql", "client_address": "10.0.0.9"}"#
            )
        );
        assert_eq!(metadata(Trap::HttpPayload(HttpRequest::default())), r#""http_payload", "metadata": {}"#);
        assert_eq!(metadata(Trap::Unknown), r#""unknown", "metadata": {}"#);
    }

    #[test]
    fn escapes_as_python_does() {
        for (raw, expected) in [
            ("s\u{e9}cret \"q\" \u{1f600} \u{7f}\t", r#""s\u00e9cret \"q\" \ud83d\ude00 \u007f\t""#),
            ("\u{8}\u{c}\n\r\t\\", r#""\b\f\n\r\t\\""#),
            ("\0\u{1}\u{b}\u{1b}\u{1f}", r#""\u0000\u0001\u000b\u001b\u001f""#),
            ("/ < & > ' ~", r#""/ < & > ' ~""#),
            ("\u{80}\u{9b}\u{2028}\u{202e}\u{fffd}\u{ffff}\u{10ffff}", r#""\u0080\u009b\u2028\u202e\ufffd\uffff\udbff\udfff""#),
            ("[red] [/x] :smile: KONEY_FINGERPRINT_1337", r#""[red] [/x] :smile: KONEY_FINGERPRINT_1337""#),
            ("", r#""""#),
        ] {
            assert_eq!(encoded(raw), expected);
        }
    }

    #[test]
    fn reads_back_as_what_went_in() {
        let every_char: String = ('\0'..='\u{2fff}').chain('\u{1f000}'..='\u{1f6ff}').collect();
        let value: serde_json::Value = serde_json::from_str(&line(&samples::with_arguments(&every_char))).expect("valid JSON");
        assert_eq!(value["process"]["arguments"], every_char.as_str());
    }
}
