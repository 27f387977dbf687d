//! Whether a sink that hangs for ever changes the delivery times of another one.
//!
//! `koney-bench-hanging-sink [--rounds 6] [--samples 100] [--hanging 1] [--folder DIR]`, on any machine.
//!
//! Rounds alternate: in one there is a sink alone, in the next `--others` further ones whose receivers answer, in the third as many whose
//! receivers take each request and never answer. Everything else is the same: queues on disk, TLS to receivers on loopback, single records
//! of a real kernel one after another, timed until the first sink's receiver has read the request. A further sink has a queue that is synced
//! and requests that are made, whether it answers or not, so `ratio` compares the medians of neighbouring rounds with hanging and with
//! answering ones (hanging ÷ answering); `noise` compares rounds with answering ones, one with the next, and says what ratios this machine
//! makes of nothing.

use std::{
    iter,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use koney_agent::{
    pipeline::Replay,
    sink::{Settings, SinkSet},
};
use koney_tests::bench::{
    Arrivals, Connection, Distribution, Recorded, Scene, config, file_system, note, result, rounded, spread, way,
};
use serde_json::json;
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
    /// Further sinks, which answer or hang
    #[arg(long, default_value_t = 1)]
    others: usize,
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
    let (mut alone, mut answering, mut hanging) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..options.rounds {
        let folder = |kind: &str| folder.join(format!("{number}-{kind}"));
        alone.push(round(&options, &folder("alone"), None).await?);
        answering.push(round(&options, &folder("answering"), Some(Connection::Kept)).await?);
        hanging.push(round(&options, &folder("hanging"), Some(Connection::Hanging)).await?);
        let medians = [&alone, &answering, &hanging].map(|rounds| median(rounds));
        note(&format!(
            "round {number}: alone {} ms, beside one that answers {} ms, beside one that hangs {} ms",
            medians[0], medians[1], medians[2]
        ));
    }
    let pairs = answering.iter().zip(&hanging).map(|(answering, hanging)| ratio(hanging, answering));
    let neighbours = answering.iter().zip(answering.iter().skip(1)).map(|(one, next)| ratio(next, one));
    let facts = json!({
        "others": options.others, "rounds": options.rounds, "folder": file_system(&folder)?, "alone_ms": all(&alone).milliseconds(),
        "answering_ms": all(&answering).milliseconds(), "hanging_ms": all(&hanging).milliseconds(),
        "ratio": spread(pairs.collect()), "noise": spread(neighbours.collect()),
    });
    result("hanging-sink", &facts)?;
    std::fs::remove_dir_all(&folder).context("remove the queues")
}

/// `others` is what receivers there are besides the one that is timed.
async fn round(options: &Options, folder: &Path, others: Option<Connection>) -> Result<Distribution> {
    let first = Arrivals::start(Connection::Kept).await?;
    let mut configs = vec![config(&first.sink("first"))];
    let mut receivers = Vec::new();
    for (number, connection) in iter::repeat_n(others, options.others).flatten().enumerate() {
        let receiver = Arrivals::start(connection).await?;
        configs.push(config(&receiver.sink(&format!("other-{number}"))));
        receivers.push(receiver);
    }
    let sinks = SinkSet::new(Settings { folder: Some(folder.to_owned()), ..Settings::default() });
    sinks.reconcile(configs);
    // Each access is the first of its trap, so that nothing waits for what may follow.
    let mut recorded = Recorded::new(Scene::Container, WARM_UP + options.samples)?;
    let mut replay = Replay::new(recorded.table()?, sinks, true);
    let mut times = Distribution::default();
    for number in 0..WARM_UP + options.samples {
        let time = way(&mut replay, &mut recorded, number, &first).await?;
        if number >= WARM_UP {
            times.add(time);
        }
        sleep(PAUSE).await;
    }
    ensure!(receivers.iter().all(|receiver| !receiver.so_far().is_empty()), "a further sink was never tried");
    // The hanging ones keep theirs.
    drop(replay.sinks().shutdown(Duration::from_millis(100)).await);
    Ok(times)
}

fn ratio(one: &Distribution, other: &Distribution) -> f64 {
    one.percentile(50).as_secs_f64() / other.percentile(50).as_secs_f64()
}

fn all(rounds: &[Distribution]) -> Distribution {
    rounds.iter().flat_map(Distribution::times).collect()
}

fn median(rounds: &[Distribution]) -> f64 {
    rounded(rounds.last().map_or(0.0, |round| round.percentile(50).as_secs_f64() * 1000.0))
}
