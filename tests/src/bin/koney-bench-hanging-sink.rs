//! Whether a sink that hangs for ever changes the delivery times of another one.
//!
//! `koney-bench-hanging-sink [--rounds 6] [--samples 100] [--hanging 1] [--folder DIR]`, on any machine.
//!
//! Rounds alternate: in one there is a healthy sink alone, in the next `--hanging` further ones whose receivers take each request and never
//! answer. Everything else is the same: queues on disk, TLS to receivers on loopback, single records of a real kernel one after another,
//! timed until the healthy receiver has read the request. `ratio` compares the medians of each pair of rounds (with the hanging ones ÷
//! without); `noise` compares rounds without them, one with the next, and says what ratios this machine makes of nothing.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use koney_agent::{
    pipeline::Replay,
    sink::{Settings, SinkSet},
};
use koney_tests::bench::{Arrivals, Connection, Distribution, Recorded, Scene, config, file_system, note, result, rounded, way};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Before those that count: clients and connections are made with the first.
const WARM_UP: u32 = 20;
/// Between two samples: what is left to do of the one before is done by then.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether a sink that hangs for ever changes another one's delivery times
#[derive(Debug, Parser)]
struct Options {
    /// Rounds of each kind
    #[arg(long, default_value_t = 6)]
    rounds: u32,
    /// Samples of a round
    #[arg(long, default_value_t = 100)]
    samples: u32,
    /// Sinks that hang
    #[arg(long, default_value_t = 1)]
    hanging: usize,
    /// Folder of the queues [default: a temporary one]
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let options = Options::parse();
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned()).join("koney-bench-hanging-sink");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..options.rounds {
        without.push(round(&options, &folder.join(format!("{number}-without")), 0).await?);
        with.push(round(&options, &folder.join(format!("{number}-with")), options.hanging).await?);
        note(&format!("round {number}: {} ms, with a hanging sink {} ms", median(&without), median(&with)));
    }
    let pairs = without.iter().zip(&with).map(|(without, with)| ratio(with, without));
    let neighbours = without.iter().zip(without.iter().skip(1)).map(|(one, next)| ratio(next, one));
    let facts = json!({
        "hanging": options.hanging, "rounds": options.rounds, "folder": file_system(&folder)?,
        "without_ms": all(&without).milliseconds(), "with_ms": all(&with).milliseconds(),
        "ratio": spread(pairs.collect()), "noise": spread(neighbours.collect()),
    });
    result("hanging-sink", &facts)?;
    std::fs::remove_dir_all(&folder).context("remove the queues")
}

async fn round(options: &Options, folder: &std::path::Path, hanging: usize) -> Result<Distribution> {
    let healthy = Arrivals::start(Connection::Kept).await?;
    let mut configs = vec![config(&healthy.sink("healthy"))];
    let mut hung = Vec::new();
    for number in 0..hanging {
        let receiver = Arrivals::start(Connection::Hanging).await?;
        configs.push(config(&receiver.sink(&format!("hanging-{number}"))));
        hung.push(receiver);
    }
    let sinks = SinkSet::new(Settings { folder: Some(folder.to_owned()), ..Settings::default() });
    sinks.reconcile(configs);
    // Each access is the first of its trap, so that nothing waits for what may follow.
    let mut recorded = Recorded::new(Scene::Container, WARM_UP + options.samples)?;
    let mut replay = Replay::new(recorded.table()?, sinks, true);
    let mut times = Distribution::default();
    for number in 0..WARM_UP + options.samples {
        let time = way(&mut replay, &mut recorded, number, &healthy).await?;
        if number >= WARM_UP {
            times.add(time);
        }
        sleep(PAUSE).await;
    }
    ensure!(hung.iter().all(|receiver| !receiver.so_far().is_empty()), "a sink that is to hang was never tried");
    // The hanging ones keep theirs.
    drop(replay.sinks().shutdown(Duration::from_millis(100)).await);
    Ok(times)
}

fn ratio(one: &Distribution, other: &Distribution) -> f64 {
    one.percentile(50).as_secs_f64() / other.percentile(50).as_secs_f64()
}

fn spread(mut ratios: Vec<f64>) -> Value {
    ratios.sort_by(f64::total_cmp);
    let at = |index: usize| ratios.get(index).copied().map(rounded);
    json!({ "min": at(0), "median": at(ratios.len() / 2), "max": at(ratios.len().saturating_sub(1)) })
}

fn all(rounds: &[Distribution]) -> Distribution {
    rounds.iter().flat_map(Distribution::times).collect()
}

fn median(rounds: &[Distribution]) -> f64 {
    rounded(rounds.last().map_or(0.0, |round| round.percentile(50).as_secs_f64() * 1000.0))
}
