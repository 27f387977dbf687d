//! What a durable queue costs on the disk of a folder: `koney-queue-bench FOLDER`, measured, not judged.

use std::{env, error::Error, fs, io::Write as _, path::Path, sync::Arc, time::Instant};

use jiff::Timestamp;
use koney_agent::{
    alert::Alert,
    sink::{
        BatchLimits, SinkId,
        dynatrace::Finding,
        store::{Bounds, Folder, Medium, Store},
    },
};
use koney_tests::delivery::access;

/// Alerts of one measurement.
const ALERTS: u32 = 3_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("which folder? its disk is measured")?;
    let folder = Path::new(&folder).join("koney-queue-bench");
    for batch in [1, 10, 100, 256] {
        let mut store = fresh(&folder)?;
        let alerts: Vec<Alert> = (0..ALERTS.min(batch * 300)).map(|number| access(number, 1, number, Timestamp::now())).collect();
        let (before, start) = (written()?, Instant::now());
        for batch in alerts.chunks(usize::try_from(batch)?) {
            store.push(Timestamp::now(), &batch.iter().collect::<Vec<_>>(), &Finding::default());
        }
        let (seconds, bytes) = (start.elapsed().as_secs_f64(), written()? - before);
        let count = f64::from(u32::try_from(alerts.len())?);
        let each = store.stats().bytes / alerts.len();
        say(&format!(
            "push, batches of {batch}: {:.0} alerts/s, {:.2} ms a batch, {:.0} bytes written an alert of {each}",
            count / seconds,
            seconds * 1000.0 / (count / f64::from(batch)),
            bytes / count
        ))?;
        let start = Instant::now();
        let mut taken = 0;
        while taken < alerts.len() {
            let letters = store.take(Timestamp::now(), BatchLimits { entries: 100, bytes: usize::MAX }, &[]).letters;
            taken += letters.len();
            let ids: Vec<_> = letters.into_iter().map(|letter| letter.id).collect();
            store.remove(&ids, Timestamp::now());
        }
        say(&format!("  take and remove, batches of 100: {:.0} alerts/s", count / start.elapsed().as_secs_f64()))?;
    }
    let mut store = fresh(&folder)?;
    let alerts: Vec<Alert> =
        (0..10_000).map(|number| access(number, u8::try_from(number % 200).unwrap_or(0), number, Timestamp::now())).collect();
    for batch in alerts.chunks(250) {
        store.push(Timestamp::now(), &batch.iter().collect::<Vec<_>>(), &Finding::default());
    }
    let stats = store.stats();
    // As a kill leaves it: what would be tidied at the end is not.
    fs::copy(folder.join("bench_bench.redb"), folder.join("killed_bench.redb"))?;
    drop(store);
    for (how, name) in [("closed", "bench"), ("killed", "killed")] {
        let start = Instant::now();
        let store = open(&folder, name);
        let rows = store.stats().rows;
        say(&format!(
            "open after it was {how}, {rows} rows of {} bytes: {:.0} ms",
            stats.bytes,
            start.elapsed().as_secs_f64() * 1000.0
        ))?;
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

fn fresh(folder: &Path) -> Result<Store, Box<dyn Error>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(open(folder, "bench"))
}

fn open(folder: &Path, namespace: &str) -> Store {
    let medium: Arc<dyn Medium> = Arc::new(Folder::new(folder, &SinkId::new(namespace, "bench")));
    let bounds = Bounds { entries: 30_000, bytes: 48 << 20, file: 128 << 20, ..Bounds::default() };
    Store::open(Some(medium), bounds, Timestamp::now())
}

/// Bytes that this process had the kernel write to disks.
fn written() -> Result<f64, Box<dyn Error>> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("the kernel counts no bytes")?;
    Ok(line.parse()?)
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
