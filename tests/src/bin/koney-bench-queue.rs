//! What a durable queue costs on the disk of a folder, and in memory.
//!
//! `koney-bench-queue [--folder DIR] [--alerts 3000] [--sinks 1,8] [--rows 10000]`, on any machine.
//!
//! 1. `queue-push`: alerts with a row of their own, in batches of 1, 10, 100 and 256, each a transaction with its syncs: alerts for each
//!    second, and bytes that this process had the kernel write to disks for each (`write_bytes` in `/proc/self/io`; none on a file system in
//!    memory). Then they are taken and removed in batches of 100, as a sink does.
//! 2. `queue-recovery`: from opening a file with `--rows` rows to knowing all of them, after it was closed and as a kill leaves it.
//! 3. `queue-memory`: resident memory that so many queues add to a process of their own, each of the agent's default bounds and with its
//!    thread, after what was freed went back to the kernel: `disk` with as many rows as the file may have, `full` when also the memory that
//!    stands in for a file without room takes no more.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use jiff::Timestamp;
use koney_agent::{
    alert::{Alert, Trap},
    kernel::memory,
    sink::{
        BatchLimits, Queue, SinkId,
        dynatrace::Finding,
        store::{Bounds, Folder, Medium, Store},
    },
};
use koney_tests::{
    bench::{Recorded, Usage, file_system, number, result, rounded},
    delivery::access,
};
use serde_json::json;

/// What this program is told by, to fill queues and tell its own memory.
const FILL: &str = "--fill";

/// What a durable queue costs
#[derive(Debug, Parser)]
struct Options {
    /// Whose disk is measured [default: a temporary folder]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Alerts of one measurement, at most 300 batches
    #[arg(long, default_value_t = 3_000)]
    alerts: u32,
    /// Rows of the file that is opened again
    #[arg(long, default_value_t = 10_000)]
    rows: u32,
    /// Full queues whose memory is asked for
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8])]
    sinks: Vec<usize>,
}

fn main() -> Result<()> {
    memory::be_frugal();
    let words: Vec<_> = env::args().collect();
    if let [_, option, folder, sinks, how] = words.as_slice()
        && option == FILL
    {
        return fill(Path::new(folder), sinks.parse()?, how);
    }
    let options = Options::parse();
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned()).join("koney-bench-queue");
    for batch in [1, 10, 100, 256] {
        push(&folder, batch, options.alerts.min(batch * 300))?;
    }
    recover(&folder, options.rows)?;
    for sinks in &options.sinks {
        for how in ["disk", "full"] {
            fresh(&folder)?;
            let program = env::current_exe().context("this program has a path")?;
            let mut filling = Command::new(program);
            let status = filling.arg(FILL).arg(&folder).arg(sinks.to_string()).arg(how).stdin(Stdio::null()).status()?;
            ensure!(status.success(), "the process that fills queues ended with {status}");
        }
    }
    fs::remove_dir_all(&folder).context("remove the queues")
}

fn push(folder: &Path, batch: u32, count: u32) -> Result<()> {
    fresh(folder)?;
    let mut store = open(folder, "bench");
    let alerts: Vec<Alert> = (0..count).map(|number| access(number, 1, number, Timestamp::now())).collect();
    let (before, start) = (written()?, Instant::now());
    for batch in alerts.chunks(usize::try_from(batch)?) {
        let pushed = store.push(Timestamp::now(), &batch.iter().collect::<Vec<_>>(), &Finding::default());
        ensure!(pushed.durable && pushed.stored == batch.len(), "{pushed:?}");
    }
    let (seconds, bytes) = (start.elapsed().as_secs_f64(), number(written()? - before));
    let row = store.stats().bytes / alerts.len();
    let start = Instant::now();
    let mut taken = 0;
    while taken < alerts.len() {
        let letters = store.take(Timestamp::now(), BatchLimits { entries: 100, bytes: usize::MAX }, &[]).letters;
        taken += letters.len();
        let ids: Vec<_> = letters.into_iter().map(|letter| letter.id).collect();
        store.remove(&ids, Timestamp::now());
    }
    let count = f64::from(count);
    let facts = json!({
        "batch": batch, "alerts": alerts.len(), "folder": file_system(folder)?,
        "durable_per_s": (count / seconds).round(), "ms_per_batch": rounded(seconds * 1000.0 / (count / f64::from(batch))),
        "row_bytes": row, "written_bytes_per_alert": (bytes / count).round(),
        "removed_per_s": (count / start.elapsed().as_secs_f64()).round(),
    });
    result("queue-push", &facts)
}

fn recover(folder: &Path, rows: u32) -> Result<()> {
    fresh(folder)?;
    let mut store = open(folder, "bench");
    for first in (0..rows).step_by(250) {
        let alerts: Vec<Alert> = (first..(first + 250).min(rows)).map(of_its_own_trap).collect();
        store.push(Timestamp::now(), &alerts.iter().collect::<Vec<_>>(), &Finding::default());
    }
    let stats = store.stats();
    // As a kill leaves it: what would be tidied at the end is not.
    fs::copy(folder.join("bench_bench.redb"), folder.join("killed_bench.redb"))?;
    drop(store);
    for (how, name) in [("closed", "bench"), ("killed", "killed")] {
        let start = Instant::now();
        let store = open(folder, name);
        let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
        ensure!(store.stats().rows == stats.rows, "{} of {} rows", store.stats().rows, stats.rows);
        let facts = json!({
            "after_it_was": how, "rows": stats.rows, "bytes": stats.bytes, "folder": file_system(folder)?,
            "ms": rounded(milliseconds),
        });
        result("queue-recovery", &facts)?;
    }
    Ok(())
}

/// In a process of its own, whose memory nothing else has used.
#[tokio::main(flavor = "current_thread")]
async fn fill(folder: &Path, sinks: usize, how: &str) -> Result<()> {
    let usage = Usage::of(std::process::id());
    memory::trim();
    let before = usage.memory()?;
    let (mut queues, mut rows, mut bytes) = (Vec::new(), 0, 0);
    for sink in 0..sinks {
        let id = SinkId::new("bench", format!("sink-{sink}"));
        let queue = Queue::open(&id, Some(folder.to_owned()), Bounds::default(), Timestamp::now);
        for first in (0..).step_by(250) {
            let alerts = (first..first + 250).map(|number| Arc::new(of_its_own_trap(number))).collect();
            let stored = queue.push(alerts, Arc::new(Finding::default())).await;
            // What is not durable is in memory, for the file has its share.
            if !stored.refused.is_empty() || (how == "disk" && !stored.durable) {
                break;
            }
        }
        let stats = queue.stats();
        (rows, bytes) = (rows + stats.rows, bytes + stats.bytes);
        queues.push(queue);
    }
    memory::trim();
    let after = usage.memory()?;
    let mib = |kib: u64| rounded(number(kib) / 1024.0);
    let facts = json!({
        "how": how, "sinks": sinks, "rows": rows, "row_bytes": bytes, "folder": file_system(folder)?,
        "mib_added": mib(after.resident.saturating_sub(before.resident)),
        "mib_added_anonymous": mib(after.anonymous.saturating_sub(before.anonymous)), "mib_peak": mib(after.peak),
    });
    result("queue-memory", &facts)
}

/// The first alert of its kind, which is never folded.
fn of_its_own_trap(number: u32) -> Alert {
    let trap = Trap::FilesystemHoneytoken { file_path: Recorded::path(number) };
    Alert { trap, ..access(number, 1, number, Timestamp::now()) }
}

fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))
}

fn open(folder: &Path, namespace: &str) -> Store {
    let medium: Arc<dyn Medium> = Arc::new(Folder::new(folder, &SinkId::new(namespace, "bench")));
    let bounds = Bounds { entries: 30_000, bytes: 48 << 20, file: 128 << 20, ..Bounds::default() };
    Store::open(Some(medium), bounds, Timestamp::now())
}

/// Bytes that this process had the kernel write to disks.
fn written() -> Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).context("the kernel counts no bytes")?;
    line.parse().context("a number")
}
