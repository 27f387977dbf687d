//! Each part by itself, and all of it, on one thread.

use std::{hint::black_box, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use koney_agent::{
    alert::{self, Alert, Severity},
    event::{Observation, decode},
    pipeline::Replay,
    sink::{
        Render, Settings, SinkSet,
        dynatrace::Finding,
        stdout::Line,
        store::{Bounds, Store},
    },
    workload::{Clock, Host},
};
use koney_tests::bench::{Recorded, Scene, result, rounded, thread_time};
use serde_json::{Value, json};

use crate::Options;

const ROUNDS: usize = 5;
/// As many records as the agent reads before it publishes its place in the ring.
const BATCH: usize = 256;
/// What comes again and again, so that most of it is folded.
const PROCESSES: u32 = 64;

pub(crate) fn measure(scene: Scene, options: &Options) -> Result<()> {
    let (records, traps) = (options.records, options.traps);
    let mut recorded = Recorded::new(scene, traps)?.wanted_by(options.policies);
    let bytes: Vec<Vec<u8>> = (0..1_000).map(|number| recorded.record(number).to_vec()).collect();
    let seen: Vec<Observation> = (0..1_000).map(|number| recorded.observation(number)).collect::<Result<_>>()?;
    let mut table = recorded.table()?;
    let host = Host::read(None);
    let hits = table.hits(seen.first().context("there are records")?);
    let hit = hits.first().context("the record is of a trap")?.clone();
    let alert = |seen: &Observation| alert::of_hit(seen, &hit, Arc::default(), None, &host, Clock, "replay");
    let sample = alert(seen.first().context("there are records")?);

    let decoded = rate(records, |number| decode(nth::<Vec<u8>>(&bytes, number)));
    let matched = rate(records, |number| table.hits(nth(&seen, number)));
    let built = rate(records, |number| alert(nth(&seen, number)));
    let event = rate(records, |_| Finding { severity: Severity::High }.render(&sample));
    let line = rate(records, |_| Line.render(&sample));
    let mut replay = Replay::new(recorded.table()?, SinkSet::new(Settings::default()), scene == Scene::Container);
    let stream = rate(records, |number| {
        replay.record(recorded.record(number));
        if number % 256 == 0 {
            replay.told();
        }
    });
    let made = rate(records, |number| recorded.record(number).len());
    let facts = json!({
        "scene": recorded.name(), "traps": traps, "policies": options.policies, "records_per_round": records,
        "decode": decoded, "match": matched, "alert": built, "render_dynatrace": event, "render_line": line, "stream": stream,
        "making_a_record": made, "fold": fold(options, &alert, &seen),
    });
    result("pipeline-stages", &facts)
}

/// Alerts into a queue in memory, in batches; the same processes come back.
fn fold(options: &Options, alert: &dyn Fn(&Observation) -> Alert, seen: &[Observation]) -> Value {
    let alerts: Vec<Alert> = (0..options.records.min(20_000))
        .map(|number| {
            let mut seen = nth(seen, number % PROCESSES).clone();
            seen.boot_ns += u64::from(number);
            alert(&seen)
        })
        .collect();
    let round = || {
        let mut store = Store::open(None, Bounds::default(), Timestamp::now());
        let began = thread_time();
        for batch in alerts.chunks(BATCH) {
            let batch: Vec<_> = batch.iter().collect();
            black_box(store.push(Timestamp::now(), &batch, &Finding { severity: Severity::High }));
        }
        thread_time().saturating_sub(began)
    };
    told(u32::try_from(alerts.len()).unwrap_or(u32::MAX), (0..ROUNDS).map(|_| round()).collect())
}

fn nth<T>(all: &[T], number: u32) -> &T {
    let index = usize::try_from(number).unwrap_or_default() % all.len();
    &all[index]
}

/// Does it so often, in some rounds.
fn rate<T>(times: u32, mut work: impl FnMut(u32) -> T) -> Value {
    let mut rounds = Vec::new();
    for round in 0..u32::try_from(ROUNDS).unwrap_or_default() {
        let began = thread_time();
        for number in 0..times {
            black_box(work(round * times + number));
        }
        rounds.push(thread_time().saturating_sub(began));
    }
    told(times, rounds)
}

fn told(times: u32, mut rounds: Vec<Duration>) -> Value {
    rounds.sort_unstable();
    let per_s = |time: Option<&Duration>| time.map(|time| (f64::from(times) / time.as_secs_f64()).round());
    let each = rounds.first().map(|best| rounded(best.as_secs_f64() * 1e9 / f64::from(times)));
    json!({ "per_s": per_s(rounds.first()), "worst_per_s": per_s(rounds.last()), "ns": each })
}
