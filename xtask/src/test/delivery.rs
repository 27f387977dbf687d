//! `cargo xtask test --suite delivery`: the path of an alert with everything going wrong, for as many seeds as one likes.

use std::fs;

use anyhow::{Context as _, Result};

use crate::{
    cli::TestArgs,
    process,
    setup::{self, Needs},
    suite, ui, workspace,
};

/// Runs of a whole suite.
const SEEDS: u64 = 1_000;

/// Runs the suite and leaves `delivery.json`; a seed that breaks something is named.
pub(super) fn run(args: &TestArgs) -> Result<u8> {
    setup::ensure(&Needs::build())?;
    let folder = suite::report_folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let report = folder.join("delivery.json");
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--package", "koney-tests", "--test", "delivery_faults", "--", "--nocapture"]);
    cargo.env("KONEY_SEEDS", args.seeds.unwrap_or(SEEDS).to_string()).env("KONEY_DELIVERY_REPORT", &report);
    if let Some(seed) = args.seed {
        cargo.env("KONEY_SEED", seed.to_string());
    }
    ui::step("delivery with faults");
    let result = process::run(&mut cargo);
    if report.is_file() {
        ui::note(&format!("report: {}", report.display()));
    }
    if let Err(error) = result {
        ui::note(&format!("{error:#}; `cargo xtask test --suite delivery --seed S` runs one seed of those named above"));
        return Ok(1);
    }
    Ok(0)
}
