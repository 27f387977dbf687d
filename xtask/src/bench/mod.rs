//! `cargo xtask bench`: what koney costs and how fast it is, beside its peers.
//!
//! Each part gives values; [`report`] keeps them in one file, from which [`page`] makes tables and plots. Only [`kernel`] and [`programs`]
//! start anything.

mod budget;
mod chart;
mod churn;
mod compare;
mod instructions;
mod kernel;
mod obstacles;
mod page;
mod peers;
mod plots;
mod programs;
mod report;
mod said;
mod size;
mod tables;
mod targets;

use anyhow::Result;
use serde_json::json;

pub(crate) use self::{
    budget::{KERNEL as BUDGET_KERNEL, Verdict, check as check_budget},
    kernel::{METHODS, over_floor},
    page::{MARK, headline, made},
};
use crate::{
    arch::Arch,
    cli::{BenchArgs, BenchPart},
    exit::Exit,
    ui,
};

/// `cargo xtask bench`.
pub(crate) fn command(args: &BenchArgs) -> Result<u8> {
    if let [one, other] = args.compare.as_slice() {
        return Ok(compare::print(&report::read(one)?, &report::read(other)?));
    }
    if args.record && args.quick {
        return Err(Exit::usage("--record keeps figures, and --quick makes none that are worth it").into());
    }
    let arch = Arch::here()?;
    let parts = if args.only.is_empty() { BenchPart::ALL.to_vec() } else { args.only.clone() };
    let mut failures = Vec::new();
    for part in parts {
        ui::step(&format!("bench: {}", part.name()));
        let mut measured = json!({});
        let ended = match part {
            BenchPart::Kernel => kernel::run(args, arch, &mut measured),
            BenchPart::Size => size::run(arch, &mut measured),
            _ => Ok(programs::run(part, args, arch, &mut measured)),
        };
        // What has been measured is kept, whatever else fails.
        match ended {
            Ok(failed) => failures.extend(failed),
            Err(error) => failures.push(format!("{}: {error:#}", part.name())),
        }
        // Another part may have been measured meanwhile.
        let mut report = report::latest()?;
        report::machine(&mut report)?;
        report::merge(&mut report, measured);
        report::summarise(&mut report);
        report::write(&report)?;
    }
    let report = report::latest()?;
    if args.budget {
        budget::write(&report)?;
    }
    if args.record {
        report::record(&report)?;
    }
    for line in targets::lines(&report) {
        ui::line(&line);
    }
    let mut code = 0;
    if let [other] = args.compare.as_slice() {
        code = compare::print(&report::read(other)?, &report);
    }
    for failure in &failures {
        ui::line(&format!("FAILED {failure}"));
    }
    Ok(if failures.is_empty() { code } else { 1 })
}
