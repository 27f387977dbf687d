//! A file's text to documents. Each is parsed by itself, so that one with a syntax error costs no other.

use std::rc::Rc;

use super::compose::{SyntaxError, documents};
use super::json;
use super::node::Node;

/// Every document of a file, in order; empty ones are left out.
pub(super) fn parse(text: &str) -> Vec<Result<Rc<Node>, SyntaxError>> {
    let text = json::unescape_pairs(text);
    let mut parsed = Vec::new();
    for (first_line, chunk) in split(&text) {
        let (nodes, error) = documents(chunk, first_line);
        parsed.extend(nodes.into_iter().map(Ok));
        parsed.extend(error.map(Err));
    }
    parsed
}

/// Cuts before each line that starts a document, which YAML allows nowhere else; gives the line each piece starts on.
fn split(text: &str) -> Vec<(u32, &str)> {
    let mut pieces = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 1, 0);
    for (number, line) in (1_u32..).zip(text.split_inclusive('\n')) {
        if at > start && starts_document(line) {
            pieces.push((start_line, start..at));
            (start, start_line) = (at, number);
        }
        at += line.len();
    }
    pieces.push((start_line, start..at));
    pieces
        .into_iter()
        .filter_map(|(line, range)| Some((line, text.get(range)?)))
        .filter(|(_, piece)| !is_bare(piece))
        .collect()
}

fn starts_document(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Only blanks, comments and directives: a preamble, which the parser would refuse without its document.
fn is_bare(piece: &str) -> bool {
    piece.lines().all(|line| {
        line.trim().is_empty() || line.trim_start().starts_with('#') || line.starts_with('%')
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::field::FieldPath;
    use super::*;
    use serde_json::json;

    fn values(text: &str) -> Vec<Result<serde_json::Value, (u32, String)>> {
        parse(text)
            .into_iter()
            .map(|document| {
                document
                    .map(|node| node.to_json())
                    .map_err(|error| (error.line, error.reason))
            })
            .collect()
    }

    #[test]
    fn documents_are_independent_and_keep_their_lines() {
        let text = "%YAML 1.2\n---\na: 1\n--- # two\nb: [\n---\nc:\n  d: |\n    --- text\n";
        let parsed = values(text);
        assert_eq!(parsed.len(), 3, "{parsed:?}");
        assert_eq!(parsed[0], Ok(json!({ "a": 1 })));
        let (line, _) = parsed[1].as_ref().expect_err("an open list");
        assert!((5..=6).contains(line), "{line}");
        assert_eq!(parsed[2], Ok(json!({ "c": { "d": "--- text\n" } })));
        let node = parse(text)
            .pop()
            .expect("three documents")
            .expect("the last is valid");
        assert_eq!(node.line_of(&FieldPath::root("c").key("d").key("gone")), 8);
    }

    #[test]
    fn json_is_yaml() {
        let text = "{\n\t\"a\": \"x\\/\\u0041\\ud83d\\ude00\",\n\t\"b\": [1, true, null]\n}\n";
        assert_eq!(
            values(text),
            [Ok(json!({ "a": "x/A😀", "b": [1, true, null] }))]
        );
    }

    #[test]
    fn aliases_and_merge_keys_unfold() {
        let text = "base: &b { x: 1, y: 2 }\nuse: { <<: *b, y: 3 }\nlist: [*b]\n";
        assert_eq!(
            values(text),
            [Ok(
                json!({ "base": { "x": 1, "y": 2 }, "use": { "x": 1, "y": 3 }, "list": [{ "x": 1, "y": 2 }] })
            )]
        );
    }

    #[test]
    fn hostile_texts_end_in_an_error() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let item = format!("*a{}", level - 1);
            bomb = format!(
                "{bomb}a{level}: &a{level} [{}]\n",
                vec![item; 10].join(", ")
            );
        }
        let cases = [
            (
                bomb,
                6,
                "has more than 200000 values with its aliases unfolded",
            ),
            (
                "- ".repeat(100_000),
                1,
                "is nested more than 64 levels deep",
            ),
            (
                "a: &a [*a]\n".to_owned(),
                1,
                "has an alias inside of what it stands for",
            ),
            (
                "a: 1\nb: 2\na: 3\n".to_owned(),
                3,
                "has the key \"a\" twice, first on line 1",
            ),
            (
                "x: !shell id\n".to_owned(),
                1,
                "has the unknown tag \"!shell\"",
            ),
            ("? [a]\n: b\n".to_owned(), 1, "has a list for a key"),
        ];
        for (text, line, reason) in cases {
            assert_eq!(values(&text), [Err((line, reason.to_owned()))]);
        }
    }
}
