//! A whole suite in many kernels: `cargo xtask vm --suite …`.
//!
//! What a suite's program prints in a guest comes in; a report and one verdict come out. Only [`run`] boots anything, all the rest is
//! text and rules.

mod count;
mod counted;
mod facts;
mod guests;
mod judge;
mod matrix;
mod record;
mod report;
mod row;
mod run;
mod tables;
mod transcript;

pub(crate) use report::folder as report_folder;

use anyhow::Result;

use crate::cli::{Suite, VmArgs};

/// The table of the scenarios that were recorded; nothing if none were.
pub(crate) fn table() -> Result<String> {
    Ok(tables::scenarios(&record::read()?))
}

/// The table of the kernels they ran in.
pub(crate) fn kernels() -> Result<String> {
    Ok(tables::kernels(&record::read()?))
}

/// `cargo xtask vm --suite SUITE`.
pub(crate) fn command(suite: Suite, args: &VmArgs) -> Result<u8> {
    match suite {
        Suite::Count => count::command(args),
        Suite::Evasion => run::evasion(args),
    }
}
