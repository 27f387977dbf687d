//! A YAML document as a tree that knows its lines.
//!
//! Aliases share nodes instead of copying them; what a copy would cost is counted, so that a file cannot unfold into
//! more than it is allowed to.

use std::rc::Rc;

use serde_json::{Map, Number, Value};

use super::super::field::{FieldPath, Step};

/// Nodes of one document with every alias unfolded; a folder of a thousand traps needs some 30,000.
pub(super) const MAX_NODES: usize = 200_000;
/// Levels of nesting; a policy has 10.
pub(super) const MAX_DEPTH: usize = 64;

/// One value of a document. No `Debug` on purpose: it may be a Secret.
pub(super) struct Node {
    /// Line in the file, from 1.
    pub(super) line: u32,
    pub(super) content: Content,
    /// Nodes in this tree, and its levels, with every alias unfolded.
    pub(super) weight: usize,
    pub(super) depth: usize,
}

pub(super) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// One entry of a mapping; keys are unique.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Line of the key, which is where a person looks for the field.
    pub(super) line: u32,
    pub(super) value: Rc<Node>,
}

impl Node {
    pub(super) fn new(line: u32, content: Content) -> Self {
        let children: Vec<&Rc<Node>> = match &content {
            Content::List(items) => items.iter().collect(),
            Content::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
            _ => Vec::new(),
        };
        let weight = children.iter().fold(1_usize, |sum, child| sum.saturating_add(child.weight));
        let depth = 1 + children.iter().map(|child| child.depth).max().unwrap_or(0);
        Self { line, content, weight, depth }
    }

    /// A value that was not read from a file: its lines are 0.
    pub(super) fn of_json(value: &Value) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Bool(*value),
            Value::Number(number) => Content::Number(number.clone()),
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(|item| Rc::new(Self::of_json(item))).collect()),
            Value::Object(fields) => {
                let entry =
                    |(key, value): (&String, &Value)| Entry { key: key.clone(), line: 0, value: Rc::new(Self::of_json(value)) };
                Content::Map(fields.iter().map(entry).collect())
            }
        };
        Self::new(0, content)
    }

    /// The value of a mapping's key; null counts as absent, as it does to the API server.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let Content::Map(entries) = &self.content else {
            return None;
        };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        (!matches!(entry.value.content, Content::Null)).then_some(&entry.value)
    }

    /// The text of a mapping's key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The line of a field, or of the nearest parent that is there.
    pub(super) fn line_of(&self, field: &FieldPath) -> u32 {
        let (mut node, mut line) = (self, self.line);
        for step in field.steps() {
            let found = match (step, &node.content) {
                (Step::Key(key), Content::Map(entries)) => {
                    entries.iter().find(|entry| entry.key == *key).map(|entry| (&entry.value, entry.line))
                }
                (Step::Index(index), Content::List(items)) => items.get(*index).map(|item| (item, item.line)),
                _ => None,
            };
            let Some((child, child_line)) = found else {
                break;
            };
            (node, line) = (child, child_line);
        }
        line
    }

    /// The value without its lines. Null entries of mappings are left out: the API server drops them before it fills in
    /// defaults.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(|item| item.to_json()).collect()),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .filter(|entry| !matches!(entry.value.content, Content::Null))
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// What it is, in words that show nothing of it.
    pub(super) fn describe(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}
