//! What a plain scalar means to `kubectl`: YAML 1.1 as Go's yaml.v2 reads it, so `yes` is a boolean and `0755` a number.

use serde_json::Number;

use super::node::Content;

/// Resolves a plain, untagged scalar.
pub(super) fn resolve(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Content::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Content::Bool(false)
        }
        _ => number(text).map_or_else(|| Content::Text(text.to_owned()), Content::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let compact = text.replace('_', "");
    let (negative, digits) = match compact.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, compact.strip_prefix('+').unwrap_or(&compact)),
    };
    // A second sign is text, though the standard library would parse it.
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    integer(digits, negative).or_else(|| float(digits, negative))
}

fn integer(digits: &str, negative: bool) -> Option<Number> {
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (digits.get(2..)?, 16),
        [b'0', b'b' | b'B', ..] => (digits.get(2..)?, 2),
        [b'0', b'o' | b'O', ..] => (digits.get(2..)?, 8),
        [b'0', _, ..] => (digits.get(1..)?, 8),
        _ => (digits, 10),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    Number::from_i128(if negative { -value } else { value })
}

fn float(digits: &str, negative: bool) -> Option<Number> {
    let allowed =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if !digits.bytes().all(allowed) || !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    Number::from_f64(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_resolve_as_kubectl_resolves_them() {
        let texts = [
            "/run/x",
            "1.2.3",
            "12:30",
            "2025-01-01",
            "--1",
            ".",
            "1e",
            "0x",
            "dt0c01.ST2",
            "-",
            "yess",
            ".inf",
        ];
        for text in texts {
            assert!(
                matches!(resolve(text), Content::Text(kept) if kept == text),
                "{text}"
            );
        }
        let numbers = [
            ("1", "1"),
            ("-7", "-7"),
            ("0755", "493"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
        ];
        for (text, expected) in numbers {
            assert!(
                matches!(resolve(text), Content::Number(number) if number.to_string() == expected),
                "{text}"
            );
        }
        assert!(matches!(resolve("yes"), Content::Bool(true)));
        assert!(matches!(resolve("Off"), Content::Bool(false)));
        assert!(matches!(resolve("~"), Content::Null));
    }
}
