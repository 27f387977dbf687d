//! What an access to the trap costs, who makes it and who is told.

use anyhow::{Context as _, Result};
use koney_tests::count::Instructions;
use serde_json::{Value, json};

use super::{
    attached::Attached,
    others,
    scene::{self, TRAP},
    work::{self, ONCE, Work},
};

/// Processes that open the trap once.
const PROCESSES: u32 = 21;
/// Opens of one process.
const REPEATS: u32 = 1_000;

/// What daemons do for each ordinary open.
pub(crate) fn ordinary() -> Result<f64> {
    let file = first()?;
    let (_, others) = others::during(|| Work::Repeat(file, REPEATS).elsewhere())?;
    Ok(Instructions::of(others, REPEATS).number())
}

/// First accesses, each by a process of its own, and what one process does again and again.
pub(crate) fn trap(attached: &mut Attached) -> Result<Value> {
    let trap = || TRAP.to_owned();
    attached.forget()?;
    // Processes start and end here too, and some daemons are told of every file that they open.
    let (ordinary, others_anyway) = others::during(|| median(&first()?, attached))?;
    let (once, by_others) = others::during(|| median(TRAP, attached))?;
    let told_of_first = attached.told()?;
    attached.forget()?;
    let (again, others_again) = others::during(|| Work::Repeat(trap(), REPEATS).elsewhere())?;
    let told_of_repeats = attached.told()?;
    let (not_a_trap, others_at_others) = others::during(|| Work::Repeat(first()?, REPEATS).elsewhere())?;
    let daemon = attached.has_daemon();
    let others = |time, count| daemon.then(|| Instructions::of(time, count).number());
    Ok(json!({
        "first": { "accesses": PROCESSES, "accessor": once, "not_a_trap": ordinary, "others": others(by_others.saturating_sub(others_anyway), PROCESSES), "told": told_of_first },
        "repeat": {
            "accesses": REPEATS, "accessor": work::open_of(&again)?, "not_a_trap": work::open_of(&not_a_trap)?,
            "others": others(others_again.saturating_sub(others_at_others), REPEATS), "told": told_of_repeats,
        },
    }))
}

fn median(path: &str, attached: &mut Attached) -> Result<f64> {
    let mut counts = Vec::new();
    for _ in 0..PROCESSES {
        counts.push(*Work::Once(path.to_owned()).elsewhere()?.get(ONCE).context("an open was counted")?);
        attached.see();
    }
    counts.sort_unstable_by(f64::total_cmp);
    counts.get(counts.len() / 2).copied().context("there are counts")
}

fn first() -> Result<String> {
    let files = scene::files()?;
    Ok(files.first().context("there are files")?.to_str()?.to_owned())
}
