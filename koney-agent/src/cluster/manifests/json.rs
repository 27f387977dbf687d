//! The one thing in JSON that YAML reads otherwise: a character beyond U+FFFF, escaped as two halves.

use std::borrow::Cow;

/// Characters of `\\uXXXX`.
const ESCAPE_CHARS: usize = 6;

/// Replaces such pairs by their character in a text that is JSON; leaves any other text alone.
pub(super) fn unescape_pairs(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with('{') || !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let second = escape.get(ESCAPE_CHARS..).and_then(unit);
        let pair = unit(escape).zip(second).map(|(high, low)| [high, low]);
        if let Some(Ok(character)) = pair.and_then(|pair| char::decode_utf16(pair).next())
            && character.len_utf16() == 2
        {
            out.push(character);
            rest = escape.get(2 * ESCAPE_CHARS..).unwrap_or_default();
            continue;
        }
        // The escaped character goes along, or a second backslash would be taken for the start of an escape.
        let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
        let (kept, after) = escape.split_at(length);
        out.push_str(kept);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The UTF-16 unit of an escape at the start of the text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_characters_and_all_else_stays() {
        let cases = [
            (r#"{"a": "\ud83d\ude00!"}"#, r#"{"a": "😀!"}"#),
            (r#"{"a": "\\ud83d\ude00"}"#, r#"{"a": "\\ud83d\ude00"}"#),
            (r#"{"a": "\u00e9\ud83dx\n"}"#, r#"{"a": "\u00e9\ud83dx\n"}"#),
            (r#"a: "\ud83d\ude00""#, r#"a: "\ud83d\ude00""#),
            (r#"{"a": "\ud83"#, r#"{"a": "\ud83"#),
            ("{\\u", "{\\u"),
        ];
        for (text, expected) in cases {
            assert_eq!(unescape_pairs(text), expected);
        }
    }
}
