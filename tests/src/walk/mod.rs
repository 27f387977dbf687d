//! Documents whose commands are run as they stand: blocks of `sh`, each with a comment above it that says how.
//!
//! A text comes in; a script that does what a reader would do comes out, with a reason for each block that it leaves out. A block
//! without a comment is an error, so nothing that is written down goes untried in silence.

mod cluster;
mod script;

use anyhow::{Context as _, Result, bail, ensure};

pub use cluster::Cluster;
pub use script::script;

/// A block of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it is, for people: document and line.
    pub place: String,
    /// The commands.
    pub commands: String,
    /// What is done with them.
    pub how: How,
}

/// What is done with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Run to its end.
    Run(Run),
    /// Left running in a terminal of its own, once it has printed this text.
    Leave(String),
    /// Looked at only: it takes a cluster.
    Cluster,
    /// Not run, and why.
    Not(String),
}

/// How a block is run to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// First everything that was left running is stopped, as by Ctrl-C.
    pub stop: bool,
    /// The exit status may also be 1.
    pub or_one: bool,
    /// It has to print this.
    pub prints: Option<String>,
    /// One of those that were left running then has to print this.
    pub shows: Option<String>,
}

/// The blocks of a document, in its order.
pub fn blocks(name: &str, document: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = document.lines().enumerate();
    let mut above = "";
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let place = format!("{name}:{}", number + 1);
            ensure!(!language.is_empty(), "{place}: a block names its language: sh for commands, text for what is printed");
            let mut commands = String::new();
            loop {
                let (_, line) = lines.next().with_context(|| format!("{place}: the block has no end"))?;
                if line == "```" {
                    break;
                }
                commands.push_str(line);
                commands.push('\n');
            }
            if language == "sh" {
                let how = how(above).with_context(|| place.clone())?;
                blocks.push(Block { place, commands, how });
            }
        }
        above = line;
    }
    Ok(blocks)
}

/// What the comment above a block says.
fn how(line: &str) -> Result<How> {
    let mark = line.strip_prefix("<!-- walk: ").and_then(|rest| rest.strip_suffix(" -->"));
    let Some(mark) = mark else {
        bail!("commands need a comment above them that says how they are run, such as <!-- walk: run -->")
    };
    if let Some(reason) = mark.strip_prefix("not run: ") {
        return Ok(How::Not(reason.to_owned()));
    }
    if mark == "checked without a cluster" {
        return Ok(How::Cluster);
    }
    if let Some(text) = mark.strip_prefix("leave running until it prints ") {
        return Ok(How::Leave(quoted(text)?));
    }
    let mut run = Run::default();
    for part in parts(mark) {
        match part {
            "run" => {}
            "stop" => run.stop = true,
            "then run" if run.stop => {}
            "with status 0 or 1" => run.or_one = true,
            _ => match (part.strip_prefix("prints "), part.strip_prefix("then ").and_then(|rest| rest.split_once(" shows "))) {
                (Some(text), _) => run.prints = Some(quoted(text)?),
                (None, Some((_who, text))) => run.shows = Some(quoted(text)?),
                (None, None) => bail!("`{part}` says nothing that a walk knows"),
            },
        }
    }
    Ok(How::Run(run))
}

/// Parts between commas, but for commas within quotes.
fn parts(mark: &str) -> Vec<&str> {
    let mut inside = false;
    let comma = |letter: char| {
        inside ^= letter == '"';
        letter == ',' && !inside
    };
    mark.split(comma).map(str::trim).collect()
}

fn quoted(text: &str) -> Result<String> {
    serde_json::from_str(text).with_context(|| format!("{text} is not a text in quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_say_how() {
        let run = |run| How::Run(run);
        assert_eq!(how("<!-- walk: run -->").expect("known"), run(Run::default()));
        assert_eq!(
            how(r#"<!-- walk: run, with status 0 or 1, prints "a, \"b\"" -->"#).expect("known"),
            run(Run { or_one: true, prints: Some("a, \"b\"".to_owned()), ..Run::default() })
        );
        assert_eq!(
            how(r#"<!-- walk: run, then the other terminal shows "x" -->"#).expect("known"),
            run(Run { shows: Some("x".to_owned()), ..Run::default() })
        );
        assert_eq!(how("<!-- walk: stop, then run -->").expect("known"), run(Run { stop: true, ..Run::default() }));
        assert_eq!(how("<!-- walk: not run: no time -->").expect("known"), How::Not("no time".to_owned()));
        for wrong in ["", "<!-- walk: -->", "<!-- walk: hop -->", "<!-- walk: run, prints x -->"] {
            assert!(how(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_block_goes_unnoticed() {
        let found = blocks("a.md", "text\n<!-- walk: run -->\n```sh\ntrue\n```\n```yaml\na: 1\n```\n").expect("blocks");
        let expected = Block { place: "a.md:3".to_owned(), commands: "true\n".to_owned(), how: How::Run(Run::default()) };
        assert_eq!(found, [expected]);
        for wrong in
            ["```sh\ntrue\n```\n", "```\ntrue\n```\n", "<!-- walk: run -->\n```sh\ntrue\n", "<!-- walk: run -->\n\n```sh\n```\n"]
        {
            assert!(blocks("a.md", wrong).is_err(), "{wrong}");
        }
    }
}
