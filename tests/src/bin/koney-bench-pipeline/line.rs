//! The running line: from a record to the bytes at a receiver.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use koney_agent::{
    alert::Severity,
    pipeline::Replay,
    sink::{
        Settings, SinkConfig, SinkId, SinkSet, Target,
        credentials::Values,
        dynatrace::{Config, Finding, KEY_API_TOKEN, KEY_API_URL},
        http::Options as HttpOptions,
    },
};
use koney_tests::{
    bench::{Arrivals, Connection, Distribution, Recorded, Scene, boot_ns, file_system, number, result, rounded},
    manifests::Sink,
};
use serde_json::json;
use tokio::time::sleep;

use crate::Options;

const PATIENCE: Duration = Duration::from_mins(1);
/// As many records as the agent reads before it publishes its place in the ring.
const BATCH: u32 = 256;
/// Between two samples: what is left to do of the one before is done by then.
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub(crate) async fn measure(options: &Options) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned()).join("koney-bench-pipeline");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut receivers = Vec::new();
    for _ in 0..options.sinks.max(1) {
        receivers.push(Arrivals::start(Connection::Kept).await?);
    }
    let sinks = SinkSet::new(Settings { folder: Some(folder.clone()), ..Settings::default() });
    sinks.reconcile(
        receivers.iter().enumerate().map(|(number, receiver)| config(&receiver.sink(&format!("sink-{number}")))).collect(),
    );
    // Each access is the first of its trap, so that nothing waits for what may follow.
    let mut recorded = Recorded::new(Scene::Container, options.samples + options.burst + 20)?;
    let mut replay = Replay::new(recorded.table()?, sinks, true);
    let first = receivers.first().context("there is a receiver")?;

    let mut times = Distribution::default();
    for number in 0..options.samples + 20 {
        first.clear();
        let began = boot_ns();
        replay.record(recorded.record(number));
        replay.commit();
        let at = first.wait(PATIENCE, |all| all.first().map(|arrival| arrival.boot_ns)).await?;
        if number >= 20 {
            times.add(Duration::from_nanos(at.saturating_sub(began)));
        }
        sleep(PAUSE).await;
    }
    let place = json!({ "folder": file_system(&folder)?, "sinks": receivers.len() });
    result("record-to-socket", &json!({ "of": place, "ms": times.milliseconds() }))?;

    first.clear();
    let (began, mut next) = (Instant::now(), options.samples + 20);
    let end = next + options.burst;
    while next < end {
        for number in next..(next + BATCH).min(end) {
            replay.record(recorded.record(number));
        }
        next += BATCH;
        replay.commit();
    }
    let queued = began.elapsed();
    let wanted = usize::try_from(options.burst)?;
    let events = |all: &[koney_tests::bench::Arrival]| all.iter().map(|arrival| count(&arrival.body)).sum::<usize>();
    let arrived = first.wait(PATIENCE, |all| (events(all) >= wanted).then(|| events(all))).await?;
    let sent = began.elapsed();
    ensure!(arrived == wanted, "{arrived} of {wanted} events");
    let per_s = |time: Duration| (number(u64::from(options.burst)) / time.as_secs_f64()).round();
    let requests = first.so_far().len();
    let facts = json!({
        "of": place, "records": options.burst, "durable_per_s": per_s(queued), "delivered_per_s": per_s(sent),
        "events_per_request": rounded(f64::from(options.burst) / number(u64::try_from(requests)?)),
    });
    result("record-burst", &facts)?;
    drop(replay.sinks().shutdown(Duration::from_secs(5)).await);
    std::fs::remove_dir_all(&folder).context("remove the queues")
}

/// Events of a body, by a key that each has once.
fn count(body: &[u8]) -> usize {
    const KEY: &[u8] = b"\"finding.id\":";
    body.windows(KEY.len()).filter(|window| *window == KEY).count()
}

fn config(sink: &Sink) -> SinkConfig {
    let id = SinkId::new("koney-system", &sink.name);
    let value = |key: &str| match key {
        KEY_API_URL => Some(sink.url.as_bytes()),
        KEY_API_TOKEN => Some(sink.token.as_bytes()),
        "caBundle" => Some(sink.authority.as_bytes()),
        _ => None,
    };
    let values = Values { sink: &id, secret: "bench", value: &value };
    let target = Config::new(&values, HttpOptions { allow_http: false, allow_local: true }).map(Target::Dynatrace);
    let render = Arc::new(Finding { severity: Severity::High });
    SinkConfig { id: id.clone(), form: "dynatrace", filter: <_>::default(), render, heartbeat: None, target }
}
