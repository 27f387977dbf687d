//! One line of a terminal, a log or a page, whoever wrote it.

use std::fmt::{self, Write};

/// What could forge another line, steer a terminal or turn text around is escaped; everything else stays as it is.
#[must_use]
pub fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    // A string takes whatever is written.
    let _written = Plain(&mut safe).write_str(text);
    safe
}

/// Writes one line of `what` behind `start`, wrapped at words to so many columns; further lines are indented to where it began.
pub(crate) fn wrapped(text: &mut String, start: &str, what: &str, width: usize) {
    let indent = start.chars().count();
    let mut column = indent;
    text.push_str(start);
    for word in line(what).split(' ') {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

/// JSON in which what could steer a terminal or turn text around is escaped too: it stands in strings only, and JSON leaves most of it as it is.
#[must_use]
pub fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() || character.escape_debug().len() == 1 {
            safe.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(safe, "\\u{unit:04x}").expect("a string takes what is written");
        }
    }
    safe
}

/// The same for what is written piece by piece.
pub(crate) struct Plain<W>(pub(crate) W);

impl<W: Write> Write for Plain<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut kept = 0;
        for (at, character) in text.char_indices() {
            // Left as they are by no escape of Rust's, and harmless here.
            if matches!(character, '"' | '\'' | '\\') {
                continue;
            }
            let escaped = character.escape_debug();
            if escaped.len() > 1 {
                self.0.write_str(text.get(kept..at).unwrap_or_default())?;
                write!(self.0, "{escaped}")?;
                kept = at + character.len_utf8();
            }
        }
        self.0.write_str(text.get(kept..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_escaped_and_the_rest_stays() {
        let foreign = "6.12\nok  forged\x1b[2J\u{9b}1m\u{202e}\u{200b}\u{feff} \"x\" it's C:\\ \u{e9}\u{1f600}";
        let expected = "6.12\\nok  forged\\u{1b}[2J\\u{9b}1m\\u{202e}\\u{200b}\\u{feff} \"x\" it's C:\\ \u{e9}\u{1f600}";
        assert_eq!(line(foreign), expected);
        assert_eq!(line(""), "");
        let foreign = foreign.trim_end();
        let written = json(&serde_json::to_string(foreign).expect("text"));
        assert!(written.contains("\\u009b1m\\u202e\\u200b\\ufeff") && written.contains("\u{e9}\u{1f600}"), "{written}");
        assert_eq!(serde_json::from_str::<String>(&written).expect("the same"), foreign);
    }
}
