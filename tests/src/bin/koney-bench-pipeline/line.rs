//! The running line: from a record to the bytes at a receiver.

use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use koney_agent::{
    pipeline::Replay,
    sink::{Settings, SinkSet},
};
use koney_tests::bench::{
    Arrival, Arrivals, Connection, Distribution, Recorded, Scene, boot_ns, config, file_system, number, result, rounded, way,
};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::Options;

const PATIENCE: Duration = Duration::from_mins(2);
/// As many records as the agent reads before it publishes its place in the ring.
const BATCH: u32 = 256;
/// Between two samples: what is left to do of the one before is done by then.
const PAUSE: Duration = Duration::from_millis(20);
const WARM_UP: u32 = 20;
/// How long records come at one rate, and how often those are taken that have come: as the agent does when the ring wakes it.
const SECONDS: u32 = 2;
const TICK: Duration = Duration::from_millis(1);

/// A line from records to receivers; each record is the first of its trap, so that nothing waits for what may follow.
struct Line {
    recorded: Recorded,
    replay: Replay,
    receivers: Vec<Arrivals>,
    next: u32,
    place: Value,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub(crate) async fn measure(options: &Options) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned()).join("koney-bench-pipeline");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut receivers = Vec::new();
    for _ in 0..options.sinks.max(1) {
        receivers.push(Arrivals::start(Connection::Kept).await?);
    }
    let sinks = SinkSet::new(Settings { folder: Some(folder.clone()), ..Settings::default() });
    let configs = receivers.iter().enumerate().map(|(number, receiver)| config(&receiver.sink(&format!("sink-{number}"))));
    sinks.reconcile(configs.collect());
    let records = WARM_UP + options.samples + options.burst + options.rates.iter().sum::<u32>() * SECONDS;
    let recorded = Recorded::new(Scene::Container, records)?;
    let replay = Replay::new(recorded.table()?, sinks, true);
    let place = json!({ "folder": file_system(&folder)?, "sinks": receivers.len() });
    let mut line = Line { recorded, replay, receivers, next: 0, place };
    line.singles(options.samples).await?;
    line.burst(options.burst).await?;
    for rate in &options.rates {
        line.rate(*rate).await?;
    }
    drop(line.replay.sinks().shutdown(Duration::from_secs(5)).await);
    fs::remove_dir_all(&folder).context("remove the queues")
}

impl Line {
    fn receiver(&self) -> &Arrivals {
        &self.receivers[0]
    }

    fn forget(&self) {
        self.receivers.iter().for_each(Arrivals::clear);
    }

    async fn singles(&mut self, samples: u32) -> Result<()> {
        let mut times = Distribution::default();
        for number in 0..WARM_UP + samples {
            let time = way(&mut self.replay, &mut self.recorded, self.next, &self.receivers[0]).await?;
            self.next += 1;
            if number >= WARM_UP {
                times.add(time);
            }
            self.forget();
            sleep(PAUSE).await;
        }
        result("record-to-socket", &json!({ "of": self.place, "ms": times.milliseconds() }))
    }

    async fn burst(&mut self, records: u32) -> Result<()> {
        self.forget();
        let (began, end) = (Instant::now(), self.next + records);
        while self.next < end {
            for _ in 0..BATCH.min(end - self.next) {
                self.replay.record(self.recorded.record(self.next));
                self.next += 1;
            }
            self.replay.commit();
        }
        let queued = began.elapsed();
        self.arrived(records).await?;
        let sent = began.elapsed();
        let per_s = |time: Duration| (f64::from(records) / time.as_secs_f64()).round();
        let requests = number(u64::try_from(self.receiver().so_far().len())?);
        let facts = json!({
            "of": self.place, "records": records, "durable_per_s": per_s(queued), "delivered_per_s": per_s(sent),
            "events_per_request": rounded(f64::from(records) / requests),
        });
        result("record-burst", &facts)
    }

    async fn rate(&mut self, rate: u32) -> Result<()> {
        self.forget();
        let records = rate * SECONDS;
        let (first, began, mut tick) = (self.next, Instant::now(), interval(TICK));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut times = HashMap::new();
        while self.next < first + records {
            tick.tick().await;
            let due = (began.elapsed().as_secs_f64() * f64::from(rate)).floor();
            let mut taken = 0;
            while f64::from(self.next - first) < due.min(f64::from(records)) && taken < BATCH {
                times.insert(self.next, boot_ns());
                self.replay.record(self.recorded.record(self.next));
                (self.next, taken) = (self.next + 1, taken + 1);
            }
            self.replay.commit();
        }
        self.arrived(records).await?;
        let mut ways = Distribution::default();
        for arrival in self.receiver().so_far() {
            for trap in traps(&arrival.body) {
                let began = times.get(&trap).context("it was sent")?;
                ways.add(Duration::from_nanos(arrival.boot_ns.saturating_sub(*began)));
            }
        }
        ensure!(ways.len() == times.len(), "{} of {} records", ways.len(), times.len());
        result("record-rate", &json!({ "of": self.place, "records_per_s": rate, "ms": ways.milliseconds() }))
    }

    /// Waits until the first receiver has been told of so many.
    async fn arrived(&self, records: u32) -> Result<()> {
        let wanted = usize::try_from(records)?;
        let (mut seen, mut told) = (0, 0);
        let mut is_all = |all: &[Arrival]| {
            told += all.iter().skip(seen).map(|arrival| traps(&arrival.body).len()).sum::<usize>();
            seen = all.len();
            (told >= wanted).then_some(())
        };
        self.receiver().wait(PATIENCE, &mut is_all).await
    }
}

/// The traps that a body tells of, by their numbers.
fn traps(body: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(body);
    let start = format!("\"koney.metadata.file_path\":\"{}", Recorded::path(0).trim_end_matches('0'));
    text.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
}
