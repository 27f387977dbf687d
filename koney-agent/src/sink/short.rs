//! The short form of what was kept as JSON: long texts are cut, after a receiver called the full form too large.

use serde_json::Value;

use super::{Form, Letter};

/// Bytes of one text.
const LONGEST: usize = 256;

/// What is sent of a letter in JSON: to the byte what was kept, or its short form.
pub(super) fn body(letter: &Letter, form: Form) -> Vec<u8> {
    match form {
        Form::Full => letter.body.clone(),
        Form::Short => json(&letter.body),
    }
}

/// What is no JSON stays as it is.
pub(super) fn json(kept: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(kept) else { return kept.to_vec() };
    cut(&mut value);
    serde_json::to_vec(&value).expect("it was JSON before")
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(LONGEST)),
        Value::Array(values) => values.iter_mut().for_each(cut),
        Value::Object(values) => values.values_mut().for_each(cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_cut_however_deep() {
        let long = "\u{e9}".repeat(1000);
        let kept = serde_json::json!({"a": [{"b": long}], "n": 1.5}).to_string();
        let short: Value = serde_json::from_slice(&json(kept.as_bytes())).expect("JSON");
        assert_eq!(short["a"][0]["b"].as_str().map(str::len), Some(256));
        assert_eq!(short["n"], 1.5);
        assert_eq!(json(b"torn"), b"torn");
    }
}
