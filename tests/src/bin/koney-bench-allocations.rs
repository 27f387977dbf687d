//! How often the way from a record to an alert, and on to what a sink sends, asks for memory.
//!
//! `koney-bench-allocations [--traps 100]`. Counted by an allocator that wraps the system's (`allocation-counter`), on one thread, over
//! records of a real kernel that `koney-bench-pipeline` takes as well; a growing buffer counts each time it grows. The first records are
//! left out: tables and caches grow with them. A program of its own, for counting takes time.

use std::hint::black_box;

use allocation_counter::measure;
use anyhow::Result;
use clap::Parser;
use koney_agent::{
    alert::{Alert, Severity},
    event::decode,
    pipeline::Replay,
    sink::{Render, Settings, SinkSet, dynatrace::Finding, stdout::Line},
};
use koney_tests::bench::{Recorded, Scene, number, result, rounded};
use serde_json::{Value, json};

/// Records that are counted, and those before them.
const RECORDS: u32 = 10_000;
const WARM_UP: u32 = 10_000;

/// How often a record makes the agent ask for memory
#[derive(Debug, Parser)]
struct Options {
    /// Traps that are touched in turn
    #[arg(long, default_value_t = 100)]
    traps: u32,
}

fn main() -> Result<()> {
    let options = Options::parse();
    for scene in [Scene::Host, Scene::Container] {
        let mut recorded = Recorded::new(scene, options.traps)?;
        let mut replay = Replay::new(recorded.table()?, SinkSet::new(Settings::default()), scene == Scene::Container);
        let mut alerts = Vec::new();
        for number in 0..WARM_UP {
            replay.record(recorded.record(number));
            alerts = replay.told();
        }
        let alert = alerts.pop().ok_or_else(|| anyhow::anyhow!("a record gives an alert"))?;
        let facts = json!({
            "scene": recorded.name(), "traps": options.traps, "records": RECORDS,
            "decode": of(&mut recorded, |record| drop(black_box(decode(record)))),
            "stream": of(&mut recorded, |record| {
                replay.record(record);
                drop(black_box(replay.told()));
            }),
            "render_dynatrace": rendered(&mut recorded, &Finding { severity: Severity::High }, &alert),
            "render_line": rendered(&mut recorded, &Line, &alert),
        });
        result("allocations", &facts)?;
    }
    Ok(())
}

fn rendered(recorded: &mut Recorded, render: &dyn Render, alert: &Alert) -> Value {
    of(recorded, |_record| drop(black_box(render.render(alert))))
}

/// Of one record; making the records themselves is not counted.
fn of(recorded: &mut Recorded, mut work: impl FnMut(&[u8])) -> Value {
    let (mut count, mut bytes) = (0, 0);
    for number in WARM_UP..WARM_UP + RECORDS {
        let record = recorded.record(number).to_vec();
        let counted = measure(|| work(&record));
        count += counted.count_total;
        bytes += counted.bytes_total;
    }
    let each = |total: u64| rounded(number(total) / f64::from(RECORDS));
    json!({ "allocations": each(count), "bytes": each(bytes) })
}
