//! How long it takes from the open of a decoy until the request that tells of it has been read by its receiver, over TLS on loopback.
//!
//! `koney-bench-latency [--samples 300] [--attach auto] [--connection kept|closed|both] [--state DIR]`, as root.
//!
//! One clock is read twice (`CLOCK_BOOTTIME`): by the intruder, a process of its own, right before its `open`, and by the receiver when it
//! has read the last byte of the request's body. Between them are the kernel's record, decoding, `/proc`, rendering, the queues on disk
//! with their syncs (standard output's too), the request, TLS, and the receiver's own reading. Each sample is the first access of a trap:
//! what follows within a window may wait to be told in one. Samples do not overlap, and each begins when nothing is under way. A guest's
//! processors are emulated, and what it syncs is synced by the machine only where `--state` lies on a disk: the result names its file system.

use std::{
    env, fs,
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use koney_tests::{
    bench::{Arrivals, Connection, Distribution, agent, boot_ns, file_system, method, note, result},
    manifests,
    stage::Stage,
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::sleep,
};

/// What the intruder is told by.
const OPEN: &str = "--open";
/// Longest wait for one alert.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longest wait for all traps.
const ARMED: Duration = Duration::from_mins(5);
/// Traps of one policy.
const TRAPS: usize = 100;

/// From the open of a decoy to the request at a receiver on loopback
#[derive(Debug, Parser)]
struct Options {
    /// Samples of each kind
    #[arg(long, default_value_t = 300)]
    samples: usize,
    /// Samples before those, which do not count
    #[arg(long, default_value_t = 20)]
    warm_up: usize,
    /// How the agent attaches
    #[arg(long, default_value = "auto")]
    attach: String,
    /// Whether a connection is open when the alert comes
    #[arg(long, value_enum, default_value = "both")]
    connection: Which,
    /// Between two samples, in milliseconds
    #[arg(long, default_value_t = 50)]
    pause_ms: u64,
    /// The agent's folder, whose disk takes part [default: a temporary folder]
    #[arg(long)]
    state: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Kept,
    Closed,
    Both,
}

fn main() -> Result<()> {
    let words: Vec<_> = env::args_os().collect();
    match words.get(1..) {
        Some([option, path]) if option == OPEN => intrude(Path::new(path)),
        _ => measure(&Options::parse()),
    }
}

/// Opens a file, says when it began to, and stays until it is told to go.
fn intrude(path: &Path) -> Result<()> {
    let before = boot_ns();
    let opened = File::open(path);
    writeln!(io::stdout(), "{before}")?;
    opened.with_context(|| format!("open {}", path.display()))?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn measure(options: &Options) -> Result<()> {
    if options.connection != Which::Closed {
        sample(options, Connection::Kept).await?;
    }
    if options.connection != Which::Kept {
        sample(options, Connection::Closed).await?;
    }
    Ok(())
}

async fn sample(options: &Options, connection: Connection) -> Result<()> {
    let (stage, arrivals) = (Stage::new()?, Arrivals::start(connection).await?);
    let decoys = plant(&stage, options.warm_up + options.samples)?;
    let sink = arrivals.sink("dynatrace");
    stage.put("sink.yaml", &format!("{}---\n{}", sink.resource(), sink.secret()))?;
    // An agent without a past, whatever was sampled before.
    let name = if connection == Connection::Kept { "open" } else { "not open" };
    let kept = options.state.clone().unwrap_or_else(|| stage.path("bench-state")).join(name);
    fs::create_dir_all(&kept)?;
    let folder = kept.to_str().context("the folder's name is text")?;
    let watching = stage.start_with(&["--attach", &options.attach, "--state", folder])?;
    watching.logged_within(&format!("traps armed={0} traps={0}", decoys.len()), ARMED).await?;
    note(&format!("{} traps are armed, {connection:?}", decoys.len()));

    let mut times = Distribution::default();
    for (number, decoy) in decoys.iter().enumerate() {
        sleep(Duration::from_millis(options.pause_ms)).await;
        let time =
            one(&arrivals, decoy).await.with_context(|| format!("sample {number}; the agent's log:\n{}", watching.log()))?;
        if number >= options.warm_up {
            times.add(time);
        }
    }
    let connections = arrivals.connections();
    ensure!((connection == Connection::Closed) == (connections >= decoys.len()), "{connections} connections");
    let facts = json!({
        "connection": name,
        "method": method(&watching),
        "state": file_system(&kept)?,
        "agent": agent()?,
        "ms": times.milliseconds(),
    });
    watching.stop().await?;
    result("open-to-socket", &facts)
}

/// One access, and its time.
async fn one(arrivals: &Arrivals, decoy: &str) -> Result<Duration> {
    arrivals.clear();
    let program = env::current_exe().context("this program has a path")?;
    let mut intruder = Command::new(program);
    let intruder = intruder.args([OPEN, decoy]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut intruder = intruder.spawn().context("start an intruder")?;
    let mut lines = BufReader::new(intruder.stdout.take().context("its output is piped")?).lines();
    let before: u64 = lines.next_line().await?.context("the intruder says when it began")?.parse()?;
    // In JSON a path stands as it is: these have nothing to escape.
    let quoted = format!("\"{decoy}\"");
    let at = arrivals.wait(PATIENCE, |all| all.iter().find(|arrival| arrival.holds(&quoted)).map(|found| found.boot_ns)).await?;
    drop(intruder.stdin.take());
    ensure!(intruder.wait().await?.success(), "the intruder could not open {decoy}");
    Ok(Duration::from_nanos(at.saturating_sub(before)))
}

/// So many decoys, in policies of a hundred.
fn plant(stage: &Stage, count: usize) -> Result<Vec<String>> {
    let decoys = (0..count).map(|number| stage.plant(&format!("token-{number}"))).collect::<Result<Vec<_>>>()?;
    for (number, chunk) in decoys.chunks(TRAPS).enumerate() {
        stage.put(&format!("policy-{number}.yaml"), &manifests::policy_with(&format!("bench-{number}"), chunk))?;
    }
    Ok(decoys)
}
