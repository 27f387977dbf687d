//! Writes what is generated from the agent's own command line and types: `koney-reference [--check] CHECKOUT`.
//!
//! Completions and man pages whole, tables of fields and flags between marks in documents whose prose is written by hand. It is no part
//! of the agent, which carries none of this.

mod command_line;
mod document;
mod fields;

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

/// The agent's command line, compiled from its own source.
#[path = "../../../../koney-agent/src"]
#[expect(dead_code, reason = "commands are described here, not run")]
mod agent {
    pub(crate) mod cli;
}

/// A file below the checkout, and all that it is to hold.
type Made = (PathBuf, Vec<u8>);

fn main() -> Result<()> {
    let mut words: Vec<_> = env::args_os().skip(1).collect();
    let check = words.first().is_some_and(|word| word == "--check");
    words.drain(..usize::from(check));
    let [checkout] = words.as_slice() else { bail!("expected: koney-reference [--check] CHECKOUT") };
    let checkout = Path::new(checkout);
    let made = all(checkout)?;
    for (path, bytes) in &made {
        if fs::read(path).is_ok_and(|now| now == *bytes) {
            continue;
        }
        ensure!(!check, "{} is not what the agent's types make of it: run cargo xtask generate", path.display());
        let folder = path.parent().context("a file is in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        fs::write(path, bytes).with_context(|| format!("write {}", path.display()))?;
        writeln!(io::stdout(), "{} is made anew", path.display())?;
    }
    stale(checkout, &made, check)
}

fn all(checkout: &Path) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    for (name, bytes) in command_line::files()? {
        made.push((checkout.join("deploy").join(name), bytes));
    }
    let parts = [command_line::tables(), fields::tables()?].concat();
    for name in ["command-line.md", "policies.md", "sinks.md"] {
        let path = checkout.join("docs").join(name);
        let now = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let text = document::fill(&now, &parts).with_context(|| format!("fill {}", path.display()))?;
        made.push((path, text.into_bytes()));
    }
    document::all_used(&parts, made.iter().map(|(_, bytes)| bytes.as_slice()))?;
    Ok(made)
}

/// A page of a command that is no more.
fn stale(checkout: &Path, made: &[Made], check: bool) -> Result<()> {
    for folder in ["deploy/man", "deploy/completions"] {
        for entry in fs::read_dir(checkout.join(folder)).with_context(|| format!("list {folder}"))? {
            let path = entry?.path();
            if made.iter().all(|(kept, _)| *kept != path) {
                ensure!(!check, "{} is of no command: run cargo xtask generate", path.display());
                fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
            }
        }
    }
    Ok(())
}
