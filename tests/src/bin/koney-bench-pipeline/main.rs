//! The way from a record to the bytes on a socket, on this machine and without a kernel: what each part of it takes.
//!
//! `koney-bench-pipeline [--records 200000] [--traps 100] [--sinks 1] [--samples 300] [--folder DIR]`.
//!
//! Records are those of a real kernel (`cat` on a host, and in a container), each made that of another process. One thread takes them
//! through decoding, the question whose trap it is, the alert, and what each sink sends; `stream` is what the agent really does with a
//! record, from its bytes to its alerts, with everything that is remembered and asked on the way. `fold` is what a queue without a disk
//! makes of batches in which processes come back: mostly one more in a count. Rates are records for each second of *processor time* of
//! that thread, which other load on the machine does not change; the best of five rounds, with the worst beside it.
//!
//! `socket` are single records into the running line: the record, its alert, the queues on the disk of `--folder` with their syncs, and
//! the request at a TLS receiver on loopback, each after the one before has arrived; `burst` as many as are asked for, in batches as the
//! agent reads them, until the last is at the receiver; `rate` records that come at a given rate, and how long each takes.

mod line;
mod stages;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use koney_tests::bench::Scene;

/// What each part of the way from a record to a socket takes
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Records of each round
    #[arg(long, default_value_t = 50_000)]
    records: u32,
    /// Traps that are touched in turn
    #[arg(long, default_value_t = 100)]
    traps: u32,
    /// Policies that want each of them
    #[arg(long, default_value_t = 1)]
    policies: u32,
    /// Sinks, besides standard output's, that all take every alert
    #[arg(long, default_value_t = 1)]
    sinks: usize,
    /// Single records whose way to the socket is timed
    #[arg(long, default_value_t = 300)]
    samples: u32,
    /// Records of the burst
    #[arg(long, default_value_t = 5_000)]
    burst: u32,
    /// Rates at which records come, for two seconds each
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1_000])]
    rates: Vec<u32>,
    /// Only the stages on one thread
    #[arg(long)]
    stages_only: bool,
    /// Folder of the queues [default: a temporary one]
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    for scene in [Scene::Host, Scene::Container] {
        stages::measure(scene, &options)?;
    }
    if options.stages_only { Ok(()) } else { line::measure(&options) }
}
