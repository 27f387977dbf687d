//! What watching costs, in instructions: operations on files that are no traps and on one that is, with nothing attached, with a program
//! that does nothing, with koney and with its peers. Runs in a guest whose clock counts instructions: `cargo xtask bench --only kernel`.
//!
//! `koney-bench-kernel --object OBJECT [--quick] SETTING…` prints a line `koney-bench: {…}` for each setting.

mod attached;
mod crowd;
mod others;
mod peer;
mod scene;
mod touch;
mod work;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use koney_tests::bench::note;
use serde_json::{Value, json};

use self::{
    attached::{Attached, Setting},
    crowd::Crowd,
    work::Work,
};

/// Comparisons of a setting that are made at most, and how many instructions an open with nothing attached may differ before and after in one
/// that is believed at once. Of those that are all noisier, the least noisy is believed up to a part of an open.
const COMPARISONS: u32 = 6;
const MOST_NOISE: f64 = 1.0;
const MOST_BELIEVED: f64 = 0.001;
/// How far it may have moved since the start: some ways of watching leave a little for good.
const MOST_MOVED: f64 = 0.01;

/// Counts what watching costs
#[derive(Debug, Parser)]
struct Options {
    /// The object with the programs that do nothing
    #[arg(long)]
    object: Option<PathBuf>,
    /// Only an open and close
    #[arg(long)]
    quick: bool,
    /// `floor:METHOD`, `koney:METHOD:TRAPS`, `fanotify` or `peer:SCRIPT`
    settings: Vec<Setting>,
    /// What this program tells itself
    #[arg(long, hide = true)]
    work: Option<Work>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(work) = &options.work {
        serde_json::to_writer(io::stdout(), &work.do_it()?)?;
        return Ok(());
    }
    scene::set()?;
    let object = options.object.context("which object? --object")?;
    let all = Work::All { quick: options.quick };
    let first = steady(&all)?;
    say("nothing", json!({ "per_operation": first, "kernel": rustix::system::uname().release().to_string_lossy() }))?;
    let (mut before, mut failed) = (first.clone(), 0);
    for setting in &options.settings {
        match compare(&object, setting, options.quick, before.clone()).await {
            Ok(after) => before = after,
            // The others can be counted all the same.
            Err(error) => {
                failed += 1;
                say(&setting.to_string(), json!({ "failed": format!("{error:#}") }))?;
                before = all.elsewhere()?;
            }
        }
        let moved = (work::open_of(&before)? / work::open_of(&first)? - 1.0).abs();
        ensure!(
            moved <= MOST_MOVED,
            "after {setting} an open costs {:.1} % more or less: something stayed attached",
            moved * 100.0
        );
    }
    ensure!(failed == 0, "{failed} settings were not counted");
    fs::remove_dir_all(scene::FOLDER).context("remove the folder")
}

/// What is counted with nothing attached once it no longer changes: for seconds after the boot some kernels take other ways, and do so
/// steadily.
fn steady(all: &Work) -> Result<work::Counts> {
    let mut least: Option<(f64, work::Counts)> = None;
    for _ in 0..COMPARISONS {
        let (counts, after) = (all.elsewhere()?, all.elsewhere()?);
        let open = work::open_of(&after)?;
        let noise = (open - work::open_of(&counts)?).abs();
        let agrees = |(name, count): (&String, &f64)| {
            after.get(name).is_some_and(|after| (after - count).abs() <= MOST_NOISE.max(count * MOST_MOVED))
        };
        // Nothing else runs any more either.
        let alone = after.get(work::OPEN_THREAD).is_some_and(|thread| (open - thread).abs() <= open * MOST_MOVED);
        let agree = alone && counts.iter().all(agrees) && work::unsettled(&after).is_empty();
        if agree && noise <= MOST_NOISE {
            return Ok(after);
        }
        note(&format!("with nothing attached: {counts:?}, and again: {after:?}"));
        if agree && least.as_ref().is_none_or(|(least, _)| noise < *least) {
            least = Some((noise, after));
        }
    }
    match least {
        Some((noise, counts)) if noise <= work::open_of(&counts)? * MOST_BELIEVED => Ok(counts),
        _ => bail!("with nothing attached, the counts never agreed"),
    }
}

/// Counts with the setting and again without it, until nothing has changed meanwhile.
async fn compare(object: &Path, setting: &Setting, quick: bool, mut before: work::Counts) -> Result<work::Counts> {
    let all = Work::All { quick };
    let (mut crowd, without) = (setting.crowd()?, before.clone());
    if crowd.is_some() {
        before = all.elsewhere()?;
    }
    let mut least: Option<(f64, Value, work::Counts)> = None;
    for _ in 0..COMPARISONS {
        let Some(mut attached) = Attached::attach(object, setting, crowd.as_mut()).await? else {
            say(&setting.to_string(), json!({ "lacks": "bpf is not in the kernel's lsm= list" }))?;
            return Ok(before);
        };
        let with = all.elsewhere()?;
        let unsettled = work::unsettled(&with);
        ensure!(attached.has_daemon() || unsettled.is_empty(), "{} does not settle", unsettled.join(" and "));
        let others = if attached.has_daemon() { Some(touch::ordinary()?) } else { None };
        let trap = if attached.tells() && !quick { Some(touch::trap(&mut attached)?) } else { None };
        let (facts, says) = (crowd.as_ref().map(Crowd::facts), attached.says());
        let mut message =
            json!({ "per_operation": with, "others": others, "trap": trap, "before": before, "facts": facts, "says": says });
        drop(attached);
        if setting.stays() {
            say(&setting.to_string(), message)?;
            return Ok(before);
        }
        let after = Work::All { quick: true }.elsewhere()?;
        let noise = (work::open_of(&after)? - work::open_of(&before)?).abs();
        message["noise"] = noise.into();
        if least.as_ref().is_none_or(|(least, ..)| noise < *least) {
            least = Some((noise, message, before));
        }
        if noise <= MOST_NOISE {
            break;
        }
        before = all.elsewhere()?;
    }
    let (noise, message, before) = least.context("something was compared")?;
    ensure!(
        noise <= work::open_of(&before)? * MOST_BELIEVED,
        "with nothing attached, the counts before and after never agreed: they were {noise:.1} instructions apart at best"
    );
    say(&setting.to_string(), message)?;
    let Some(crowd) = crowd else { return Ok(before) };
    crowd.end()?;
    Ok(without)
}

fn say(setting: &str, facts: Value) -> Result<()> {
    let mut line = facts;
    line["what"] = "instructions".into();
    line["setting"] = setting.into();
    Ok(writeln!(io::stdout(), "koney-bench: {line}")?)
}
