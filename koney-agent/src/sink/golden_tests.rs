//! What every sink writes of every kind of alert, to the byte: `src/sink/golden/SINK/ALERT`.
//!
//! With `KONEY_GOLDEN=write` the files are written instead; what has changed in them is then to be read by a person.

use std::path::Path;

use super::every::renders;
use crate::alert::{Alert, Purpose, samples};
use crate::event::Operation;

fn alerts() -> [(&'static str, Alert); 8] {
    [
        ("filesystem_honeytoken", samples::labelled()),
        ("on_host", Alert { operation: Operation::Unlink, ..samples::on_host() }),
        ("http_endpoint", samples::http_endpoint()),
        ("http_payload", samples::http_payload()),
        ("unknown", samples::coverage()),
        ("hostile", samples::hostile()),
        ("heartbeat", Alert { purpose: Purpose::Heartbeat, policy: None, ..samples::coverage() }),
        ("test", Alert { purpose: Purpose::Test, policy: None, ..samples::coverage() }),
    ]
}

#[test]
fn every_sink_writes_every_alert_as_it_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sink/golden");
    let write = std::env::var_os("KONEY_GOLDEN").is_some_and(|value| value == "write");
    for (sink, render) in renders() {
        for (name, alert) in alerts() {
            let alert = if matches!(name, "heartbeat" | "test") { Alert { gap: None, ..alert } } else { alert };
            let text = String::from_utf8(render.render(&alert)).expect("every format is text");
            // Only for what is compared: releases change nothing else.
            let text = text.replace(concat!("\"version\":\"", env!("CARGO_PKG_VERSION")), "\"version\":\"VERSION");
            let text = text.replace(concat!("|Koney|", env!("CARGO_PKG_VERSION")), "|Koney|VERSION");
            let path = folder.join(sink).join(name);
            if write {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                std::fs::write(&path, &text).expect("the file is written");
            }
            let known = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(text, known, "{}", path.display());
        }
    }
}
