//! What a line comes to, whatever is in it.

use std::{
    cell::Cell,
    io::{self, Write},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use serde_json::Value;
use tracing::{debug, error, info, subscriber::with_default, warn};

use super::*;

thread_local! {
    /// Seconds that have passed since the first line.
    static LATER: Cell<u64> = const { Cell::new(0) };
}

fn now() -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START + Duration::from_secs(LATER.get())
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `say` logs, and how.
fn logged(format: Format, colours: bool, say: impl FnOnce(&Level)) -> Vec<String> {
    let written = Written::default();
    let writer = written.clone();
    let (filter, handle) = reload::Layer::new(LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry().with(filter).with(layer(format, move || writer.clone(), colours, now));
    with_default(subscriber, || say(&Level(handle)));
    let bytes = written.0.lock().expect("no test panics with it").clone();
    String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect()
}

const HOSTILE: &str =
    "/tmp/a\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\u{2028}\u{0}\"end";

fn hostile(_level: &Level) {
    let path = HOSTILE;
    info!(%path, "as it is displayed");
    info!(?path, "as it is debugged");
    info!(path, "as a string");
    info!("in the message {HOSTILE}");
    error!(error = %io::Error::other(HOSTILE), "as an error");
    let error: &dyn std::error::Error = &io::Error::other(HOSTILE);
    error!(error, "as an error with its type");
}

#[test]
fn nothing_that_others_wrote_leaves_its_line_or_moves_a_terminal() {
    for colours in [false, true] {
        let lines = logged(Format::Text, colours, hostile);
        assert_eq!(lines.len(), 6, "one line each: {lines:#?}");
        for line in lines {
            // The formatter's own colours are the only sequences, and they end in `m`.
            let rest: String = if colours { strip_colours(&line) } else { line.clone() };
            assert!(
                rest.chars().all(|character| !character.is_control() && character != '\u{202e}' && character != '\u{2028}'),
                "{line:?}"
            );
            assert!(rest.contains("forged") && rest.contains("\\u{1b}") && rest.contains("end"), "it is told, escaped: {line:?}");
        }
    }
}

/// Without `ESC [ digits m`.
fn strip_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, after) = part.split_once('m').expect("a colour");
        assert!(code.chars().all(|digit| digit.is_ascii_digit()), "{part:?}");
        rest.push_str(after);
    }
    rest
}

#[test]
fn a_line_of_json_is_one_object_that_holds_what_was_said() {
    let lines = logged(Format::Json, true, hostile);
    assert_eq!(lines.len(), 6);
    let first: Value = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!(first["path"], HOSTILE);
    assert_eq!((&first["level"], &first["message"]), (&"INFO".into(), &"as it is displayed".into()));
    assert_eq!(first["target"], "koney_agent::logs::tests");
    for line in &lines {
        let object: Value = serde_json::from_str(line).expect("JSON");
        assert!(object["timestamp"].is_string() && object["message"].is_string(), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn a_place_that_says_too_much_is_cut_short_and_says_so_when_it_speaks_again() {
    for (format, suppressed) in [(Format::Text, " suppressed=950"), (Format::Json, ",\"suppressed\":950}")] {
        LATER.set(0);
        let lines = logged(format, false, |_level| {
            let say = |number: u32| warn!(number, "again and again");
            (0..1000).for_each(say);
            info!("another place is heard");
            LATER.set(1);
            say(1000);
        });
        assert_eq!(lines.len(), 52, "{lines:#?}");
        assert!(lines[50].contains("another place is heard"), "{}", lines[50]);
        assert!(lines[51].contains("1000") && lines[51].ends_with(suppressed), "{}", lines[51]);
    }
}

#[test]
fn the_level_changes_while_it_runs() {
    let lines = logged(Format::Text, false, |log| {
        debug!("one");
        log.set(level("debug").expect("a level"));
        debug!("two");
        log.set(level("error").expect("a level"));
        info!("three");
        assert_eq!(log.get(), LevelFilter::ERROR);
    });
    let [line] = lines.as_slice() else { panic!("{lines:#?}") };
    assert!(line.ends_with("DEBUG koney_agent::logs::tests: two"), "{line}");
}

#[test]
fn only_levels_are_levels() {
    let refused = level("loud\n").expect_err("no level").to_string();
    assert_eq!(refused, "there is no level \"loud\\n\"; the levels are error, warn, info, debug and trace");
    assert!(level("3").is_err() && level("off").is_err() && level("").is_err());
}
