//! What is true of everything that a sink writes, whatever others have written into the alert.

use proptest::prelude::*;
use serde_json::Value;

use super::every::renders;
use crate::alert::{Alert, HttpRequest, Process, Trap, samples};
use crate::properties::cases;

fn alert(texts: [String; 5], trap: u8) -> Alert {
    let [executable, arguments, cwd, path, comm] = texts.map(Some);
    let request = HttpRequest { method: comm.clone(), host: cwd.clone(), path: path.clone(), client: executable.clone() };
    let trap = match trap % 4 {
        0 => Trap::FilesystemHoneytoken { file_path: path.clone().unwrap_or_default() },
        1 => Trap::HttpEndpoint(request),
        2 => Trap::HttpPayload(request),
        _ => Trap::Unknown,
    };
    let process = Process { comm, executable, arguments, cwd, ..Process::default() };
    Alert { trap, process: Some(process), accessed_path: path, ..samples::labelled() }
}

/// Each line is one JSON value, and syslog is one line without anything that a terminal obeys.
fn holds(alert: &Alert) {
    for (name, render) in renders() {
        let text = String::from_utf8(render.render(alert)).unwrap_or_else(|error| panic!("{name} is no text: {error}"));
        if name.starts_with("syslog") {
            assert!(text.len() <= 8000 && !text.contains(char::is_control), "{name}: {text}");
            continue;
        }
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), if name == "elasticsearch" { 2 } else { 1 }, "{name}: {text}");
        for line in lines {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error} in {line}"));
            assert!(value.is_object(), "{name}: {line}");
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn every_format_holds_whatever_was_written(texts: [String; 5], trap: u8) {
        holds(&alert(texts, trap));
    }
}

#[test]
fn every_format_holds_at_any_length() {
    for text in ["\u{1}", "\"", "\u{e9}=", "\\|", "<&>", "\u{10ffff}"] {
        let long = text.repeat((128 << 10) / text.len());
        for trap in 0..4 {
            holds(&alert([(); 5].map(|()| long.clone()), trap));
        }
    }
}
