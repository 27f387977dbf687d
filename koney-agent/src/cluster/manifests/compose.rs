//! Parser events to nodes: anchors, merge keys, tags and the bounds on size and depth.
//!
//! Events are pulled one at a time; the parser's own loader recurses, and a file of nested dashes would end the agent.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::super::text::quoted;
use super::mapping::{key_text, merge, with_merged};
use super::node::{Content, Entry, MAX_DEPTH, MAX_NODES, Node};
use super::scalar::resolve;

/// Why a text is not YAML. The texts come from the parser's fixed set or name a key; they carry no values.
#[derive(Debug)]
pub(super) struct SyntaxError {
    /// Line in the file, from 1.
    pub(super) line: u32,
    pub(super) reason: String,
    pub(super) remedy: &'static str,
}

/// The documents of a text up to its end or its first error. `first_line` is the text's own line in its file.
pub(super) fn documents(text: &str, first_line: u32) -> (Vec<Rc<Node>>, Option<SyntaxError>) {
    let mut composer = Composer {
        first_line,
        ..Composer::default()
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let outcome = match next {
            Ok((event, span)) => composer.event(event, span.start.line()),
            Err(error) => Err(composer.error(
                error.marker().line(),
                format!("is not valid YAML ({})", error.info()),
                "correct the syntax",
            )),
        };
        if let Err(error) = outcome {
            return (composer.documents, Some(error));
        }
    }
    (composer.documents, None)
}

#[derive(Default)]
struct Composer {
    first_line: u32,
    documents: Vec<Rc<Node>>,
    root: Option<Rc<Node>>,
    open: Vec<Frame>,
    anchors: HashMap<usize, Rc<Node>>,
}

/// A collection whose end has not been seen.
struct Frame {
    line: u32,
    anchor: usize,
    collection: Collection,
}

enum Collection {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<Entry>,
        seen: HashMap<String, u32>,
        key: Option<(String, u32)>,
        merged: Vec<Rc<Node>>,
    },
}

impl Composer {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), SyntaxError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {
                Ok(())
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                self.documents.extend(self.root.take());
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", line)?;
                self.open(anchor, line, Collection::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", line)?;
                let (entries, seen, merged) = (Vec::new(), HashMap::new(), Vec::new());
                self.open(
                    anchor,
                    line,
                    Collection::Map {
                        entries,
                        seen,
                        key: None,
                        merged,
                    },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = self.open.pop().expect("the parser pairs starts and ends");
                let content = match frame.collection {
                    Collection::List(items) => Content::List(items),
                    Collection::Map {
                        entries,
                        seen,
                        merged,
                        ..
                    } => Content::Map(with_merged(entries, seen, &merged)),
                };
                self.add(Node::new(frame.line, content), frame.anchor)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let content = self.scalar(&text, style, tag.as_deref(), line)?;
                self.add(Node::new(self.file_line(line), content), anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or_else(|| {
                    self.error(
                        line,
                        "has an alias inside of what it stands for".to_owned(),
                        "write the value out",
                    )
                })?;
                self.add_shared(node)
            }
        }
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        line: usize,
    ) -> Result<Content, SyntaxError> {
        match tag {
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                return Ok(Content::Text(text.to_owned()));
            }
            Some(tag)
                if tag.is_yaml_core_schema()
                    && ["bool", "int", "float", "null"].contains(&tag.suffix.as_str()) =>
            {
                return Ok(resolve(text));
            }
            other => self.check_tag(other, "", line)?,
        }
        // A key is its text: Go's `y: 1` for `"true": 1` is a trap of its own, and no field is named like that.
        let is_value = style == ScalarStyle::Plain && !self.expects_key();
        Ok(if is_value {
            resolve(text)
        } else {
            Content::Text(text.to_owned())
        })
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Frame {
                collection: Collection::Map { key: None, .. },
                ..
            })
        )
    }

    fn check_tag(&self, tag: Option<&Tag>, expected: &str, line: usize) -> Result<(), SyntaxError> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => {
                let reason = format!("has the unknown tag {}", quoted(&tag.to_string()));
                Err(self.error(line, reason, "remove the tag"))
            }
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        anchor: usize,
        line: usize,
        collection: Collection,
    ) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Self::too_deep(self.file_line(line)));
        }
        self.open.push(Frame {
            line: self.file_line(line),
            anchor,
            collection,
        });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add_shared(node)
    }

    fn add_shared(&mut self, node: Rc<Node>) -> Result<(), SyntaxError> {
        let line = node.line;
        if node.weight > MAX_NODES {
            let reason = format!("has more than {MAX_NODES} values with its aliases unfolded");
            return Err(SyntaxError {
                line,
                reason,
                remedy: "split it",
            });
        }
        if self.open.len() + node.depth > MAX_DEPTH + 1 {
            return Err(Self::too_deep(line));
        }
        match self.open.last_mut().map(|frame| &mut frame.collection) {
            None => self.root = Some(node),
            Some(Collection::List(items)) => items.push(node),
            Some(Collection::Map {
                entries,
                seen,
                key,
                merged,
            }) => match key.take() {
                None => *key = Some((key_text(&node)?, line)),
                Some((name, _)) if name == "<<" => merge(merged, &node)?,
                Some((name, line)) => {
                    if let Some(first) = seen.insert(name.clone(), line) {
                        let reason =
                            format!("has the key {} twice, first on line {first}", quoted(&name));
                        return Err(SyntaxError {
                            line,
                            reason,
                            remedy: "remove one of them",
                        });
                    }
                    entries.push(Entry {
                        key: name,
                        line,
                        value: node,
                    });
                }
            },
        }
        Ok(())
    }

    fn too_deep(line: u32) -> SyntaxError {
        let reason = format!("is nested more than {MAX_DEPTH} levels deep");
        SyntaxError {
            line,
            reason,
            remedy: "flatten it",
        }
    }

    fn error(&self, line: usize, reason: String, remedy: &'static str) -> SyntaxError {
        SyntaxError {
            line: self.file_line(line),
            reason,
            remedy,
        }
    }

    fn file_line(&self, line: usize) -> u32 {
        u32::try_from(line)
            .unwrap_or(u32::MAX)
            .saturating_add(self.first_line)
            .saturating_sub(1)
    }
}
