//! Keys of a mapping, and what `<<` merges into it.

use std::collections::HashMap;
use std::rc::Rc;

use super::compose::SyntaxError;
use super::node::{Content, Entry, Node};

/// A key as text.
pub(super) fn key_text(node: &Node) -> Result<String, SyntaxError> {
    match &node.content {
        Content::Text(text) => Ok(text.clone()),
        Content::Bool(value) => Ok(value.to_string()),
        Content::Number(number) => Ok(number.to_string()),
        Content::Null | Content::List(_) | Content::Map(_) => {
            let reason = format!("has {} for a key", node.describe());
            Err(SyntaxError {
                line: node.line,
                reason,
                remedy: "use a name",
            })
        }
    }
}

/// Notes what a `<<` key brings in: a mapping or a list of mappings.
pub(super) fn merge(merged: &mut Vec<Rc<Node>>, node: &Rc<Node>) -> Result<(), SyntaxError> {
    match &node.content {
        Content::Map(_) => merged.push(Rc::clone(node)),
        Content::List(items)
            if items
                .iter()
                .all(|item| matches!(item.content, Content::Map(_))) =>
        {
            merged.extend(items.iter().cloned());
        }
        _ => {
            let reason = format!("merges {} with <<", node.describe());
            return Err(SyntaxError {
                line: node.line,
                reason,
                remedy: "merge a mapping",
            });
        }
    }
    Ok(())
}

/// A mapping's own entries win over merged ones, earlier merged ones over later.
pub(super) fn with_merged(
    mut entries: Vec<Entry>,
    mut seen: HashMap<String, u32>,
    merged: &[Rc<Node>],
) -> Vec<Entry> {
    for node in merged {
        let Content::Map(inherited) = &node.content else {
            continue;
        };
        for entry in inherited {
            if seen.insert(entry.key.clone(), entry.line).is_none() {
                entries.push(entry.clone());
            }
        }
    }
    entries
}
