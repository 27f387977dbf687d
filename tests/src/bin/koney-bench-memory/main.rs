//! What an agent uses while it idles, in a flood, and while containers come and go; and how long it takes to arm.
//!
//! `koney-bench-memory [--traps 1000] [--containers 300] [--policies N] [--sinks 1] [--idle 60] [--flood 30] [--churn-minutes 0]`, as root;
//! `KONEY_AGENT` names the agent. Without containers (`--containers 0`) the traps are the host's, from a folder of manifests.
//!
//! Containers are real ones: an overlay, a cgroup named as containerd names it, namespaces of their own, a first process; the API server
//! and the kubelet are this crate's doubles, in this process. So many traps are spread over them: each policy selects every container,
//! the last one as many as are missing. In order:
//!
//! 1. `empty`: an agent without any policy, for what is there anyway.
//! 2. `start`: from the agent's start (before its `exec`) to its log line that every trap is armed, by that line's own time.
//! 3. `idle`: processor time over `--idle` seconds in which nobody touches anything, and resident memory after them.
//! 4. `kernel-memory`: maps and programs, as the kernel accounts them; what each key takes is the growth of the trap table over the
//!    empty agent's, by the number of keys in it.
//! 5. `flood`: processes that open each decoy once and end, `--flood-processes` at a time, one after another for `--flood` seconds. Each
//!    is new to the kernel's throttle, so as much is recorded as can be. The peak is the kernel's own (`VmHWM`).
//! 6. `churn`: for `--churn-minutes` one container ends and another begins, its traps are armed, and again. The series is resident memory
//!    over time; growth is the difference of the medians of its last and second fifths (the first is warming up).

mod flood;
mod site;

use std::{env, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;
use koney_tests::{
    agent::Agent,
    bench::{self, KernelMemory, Usage, keys, method, note, number, result, rounded},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use site::Site;

/// What an agent uses idle, in a flood and while containers come and go
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Traps, over all containers
    #[arg(long, default_value_t = 1000)]
    traps: usize,
    /// Containers; 0 for traps of the host
    #[arg(long, default_value_t = 300)]
    containers: usize,
    /// Policies of the host's traps [default: one for each hundred]
    #[arg(long)]
    policies: Option<usize>,
    /// Sinks that take every alert, besides standard output
    #[arg(long, default_value_t = 1)]
    sinks: usize,
    /// Seconds of doing nothing
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// Seconds of a flood
    #[arg(long, default_value_t = 30)]
    flood: u64,
    /// Processes of the flood at a time
    #[arg(long, default_value_t = 4)]
    flood_processes: usize,
    /// Minutes of containers that come and go
    #[arg(long, default_value_t = 0)]
    churn_minutes: u64,
    /// How the agent attaches
    #[arg(long, default_value = "auto")]
    attach: String,
}

fn main() -> Result<()> {
    let words: Vec<_> = env::args_os().collect();
    match words.get(1..) {
        Some([option, list]) if option == flood::OPEN_EACH => flood::open_each(Path::new(list)),
        _ => measure(&Options::parse()),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn measure(options: &Options) -> Result<()> {
    let before = KernelMemory::now().unwrap_or_default();
    let mut site = Site::new(options).await?;
    let empty = empty(&site, options, &before).await?;
    site.fill(options).await?;
    note(&format!("{} traps, {} containers", options.traps, options.containers));

    let (agent, start) = site.start(options, options.traps).await?;
    tell("start", options, &agent, &json!({ "ms": milliseconds(start) }))?;
    let usage = Usage::of(agent.pid()?);
    // What arming took is given back with the next looks.
    sleep(Duration::from_secs(10)).await;
    let (used, began) = (usage.processor_time()?, Instant::now());
    sleep(Duration::from_secs(options.idle)).await;
    let share = usage.processor_time()?.saturating_sub(used).as_secs_f64() / began.elapsed().as_secs_f64();
    let processor = json!({ "seconds": began.elapsed().as_secs(), "processor_s_per_minute": rounded(share * 60.0) });
    tell("idle", options, &agent, &json!({ "mib": usage.memory()?.mebibytes(), "idle": processor }))?;
    kernel_memory(options, &agent, &before, &empty)?;
    if options.flood > 0 {
        flood(&site, options, &agent, usage).await?;
    }
    if options.churn_minutes > 0 {
        churn(&mut site, options, &agent, usage).await?;
    }
    agent.stop().await.map(drop)
}

/// An agent with nothing to do.
async fn empty(site: &Site, options: &Options, before: &KernelMemory) -> Result<KernelMemory> {
    let (agent, start) = site.start(options, 0).await?;
    sleep(Duration::from_secs(5)).await;
    let loaded = KernelMemory::now().unwrap_or_default().since(before);
    let memory = Usage::of(agent.pid()?).memory()?.mebibytes();
    tell("empty", options, &agent, &json!({ "mib": memory, "ms": milliseconds(start), "kernel_bytes": loaded.bytes() }))?;
    agent.stop().await?;
    Ok(loaded)
}

fn kernel_memory(options: &Options, agent: &Agent, before: &KernelMemory, empty: &KernelMemory) -> Result<()> {
    if before.loaded == 0 && empty.loaded == 0 {
        note("no programs are loaded: there is no kernel memory to tell of");
        return Ok(());
    }
    let (loaded, keys) = (KernelMemory::now()?.since(before), keys()?);
    let traps = |memory: &KernelMemory| memory.maps.get("TRAPS").copied().unwrap_or_default();
    let grown = traps(&loaded).saturating_sub(traps(empty));
    let each = number(grown) / number(u64::try_from(keys.max(1))?);
    let facts = json!({ "keys": keys, "bytes_per_key": rounded(each), "grown_bytes": grown, "bytes": loaded.bytes() });
    tell("kernel-memory", options, agent, &facts)
}

async fn flood(site: &Site, options: &Options, agent: &Agent, usage: Usage) -> Result<()> {
    usage.reset_peak()?;
    let (used, began, lines) = (usage.processor_time()?, Instant::now(), agent.alert_count());
    let paths = site.decoys();
    let processes = flood::run(&paths, options.flood_processes, Duration::from_secs(options.flood), || site.forget()).await?;
    let (seconds, processor) = (began.elapsed(), usage.processor_time()?.saturating_sub(used));
    let peak = usage.memory()?;
    sleep(Duration::from_secs(15)).await;
    let facts = json!({
        "seconds": rounded(seconds.as_secs_f64()),
        "processes": processes,
        "accesses_per_s": rounded(number(u64::try_from(processes * paths.len())?) / seconds.as_secs_f64()),
        "alert_lines": agent.alert_count() - lines,
        "processor_share": rounded(processor.as_secs_f64() / seconds.as_secs_f64()),
        "mib": peak.mebibytes(),
        "mib_after": usage.memory()?.mebibytes(),
    });
    tell("flood", options, agent, &facts)
}

async fn churn(site: &mut Site, options: &Options, agent: &Agent, usage: Usage) -> Result<()> {
    let (began, mut series, mut cycles) = (Instant::now(), Vec::new(), 0_usize);
    let end = Duration::from_secs(options.churn_minutes * 60);
    while began.elapsed() < end {
        site.replace(agent).await.with_context(|| format!("cycle {cycles}; the agent's log:\n{}", agent.log()))?;
        cycles += 1;
        series.push((began.elapsed().as_secs(), usage.memory()?));
    }
    let fifth = |number: usize| {
        let mut part: Vec<_> = series.iter().skip(number * series.len() / 5).take(series.len().div_ceil(5)).collect();
        part.sort_by_key(|(_, memory)| memory.resident);
        part.get(part.len() / 2).map_or(0, |(_, memory)| memory.resident)
    };
    let (first, last) = (number(fifth(1)) / 1024.0, number(fifth(4)) / 1024.0);
    let step = series.len().div_ceil(60).max(1);
    let told: Vec<_> = series.iter().step_by(step).map(|(at, memory)| json!([at, memory.resident, memory.anonymous])).collect();
    let facts = json!({
        "minutes": options.churn_minutes, "containers_replaced": cycles, "mib_start": rounded(first), "mib_end": rounded(last),
        "growth_mib": rounded(last - first), "series_s_kib": told,
    });
    tell("churn", options, agent, &facts)
}

/// Adds what was measured, and where.
fn tell(phase: &str, options: &Options, agent: &Agent, facts: &Value) -> Result<()> {
    let mut line = json!({
        "traps": options.traps, "containers": options.containers, "sinks": options.sinks, "method": method(agent),
        "agent": bench::agent()?,
    });
    let line_of = line.as_object_mut().context("an object")?;
    line_of.extend(facts.as_object().context("an object")?.clone());
    result(&format!("memory-{phase}"), &line)
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0)
}
