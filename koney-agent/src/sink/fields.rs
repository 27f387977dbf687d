//! Named values of an alert, in the order in which they were added; absent and empty ones are left out.

use serde_json::{Map, Value};

/// Bytes of one text, whatever it is.
const LONGEST: usize = 4096;

/// Values under dotted names.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn text(&mut self, key: &'static str, value: impl Into<String>) {
        let mut value = value.into();
        value.truncate(value.floor_char_boundary(LONGEST));
        if !value.is_empty() {
            self.0.push((key, Value::String(value)));
        }
    }

    pub(super) fn maybe(&mut self, key: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn number(&mut self, key: &'static str, value: Option<impl Into<u64>>) {
        self.0.extend(value.map(|value| (key, Value::from(value.into()))));
    }

    pub(super) fn list<'a>(&mut self, key: &'static str, values: impl IntoIterator<Item = &'a str>) {
        let values: Vec<Value> = values.into_iter().map(Value::from).collect();
        if !values.is_empty() {
            self.0.push((key, Value::Array(values)));
        }
    }

    pub(super) fn value(&mut self, key: &'static str, value: Value) {
        self.0.push((key, value));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// An object of objects: each dot of a name goes one deeper.
    pub(super) fn nested(self) -> Value {
        let mut root = Map::new();
        for (key, value) in self.0 {
            insert(&mut root, key, value);
        }
        Value::Object(root)
    }
}

fn insert(object: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(object.insert(key.to_owned(), value)),
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_unfolded_and_nothing_is_empty() {
        let mut fields = Fields::default();
        fields.text("a.b.c", "x");
        fields.text("a.b.d", "");
        fields.maybe("a.e", None::<&str>);
        fields.number("n", Some(7_u32));
        fields.list("l", ["p", "q"]);
        fields.list("none", []);
        fields.text("long", "\u{e9}".repeat(5000));
        let value = fields.nested();
        assert_eq!(value["long"].as_str().map(str::len), Some(4096));
        assert_eq!((&value["a"], &value["n"], &value["l"]), (&json!({"b": {"c": "x"}}), &json!(7), &json!(["p", "q"])));
        assert_eq!(value.as_object().map(Map::len), Some(4));
    }
}
