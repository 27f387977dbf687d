//! What the measuring programs have in common (`koney-bench-*`).
//!
//! Each prints one line for each result on standard output, `koney-bench: ` and a JSON object whose `what` names the measurement, and
//! notes for people on standard error. They measure and judge nothing: what is too much is for whoever reads them.

mod arrivals;
mod distribution;
mod kernel_memory;
mod recorded;
mod sinks;
mod usage;

pub use arrivals::{Arrival, Arrivals, Connection};
pub use distribution::Distribution;
pub use kernel_memory::{KernelMemory, keys};
pub use recorded::{Recorded, Scene};
pub use sinks::{config, way};
pub use usage::{Memory, Usage};

use std::{
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::{
    fs::statfs,
    system::uname,
    time::{ClockId, clock_gettime},
};
use serde_json::{Map, Value, json};

use crate::agent::{self, Agent};

/// Magic numbers of file systems (`include/uapi/linux/magic.h`) that a state folder may be on.
const FILE_SYSTEMS: [(i64, &str); 5] =
    [(0xef53, "ext4"), (0x0102_1994, "tmpfs"), (0x9123_683e, "btrfs"), (0x5846_5342, "xfs"), (0x794c_7630, "overlay")];

/// Which agent is measured: the folder it is in, which cargo names after the profile that it was built with, and how large it is.
pub fn agent() -> Result<Value> {
    let program = agent::program()?;
    let folder = program.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let size = program.metadata().with_context(|| format!("there is no {}", program.display()))?.len();
    Ok(json!({ "built_in": folder, "bytes": size }))
}

/// Prints one result. The kernel is added: figures of two kernels are not compared by accident.
pub fn result(what: &str, facts: &Value) -> Result<()> {
    let mut line = Map::new();
    line.insert("what".to_owned(), what.into());
    line.insert("kernel".to_owned(), uname().release().to_string_lossy().into());
    line.insert("processors".to_owned(), std::thread::available_parallelism().map_or(0, usize::from).into());
    line.extend(facts.as_object().context("a result is an object")?.clone());
    writeln!(io::stdout(), "koney-bench: {}", Value::Object(line)).context("print a result")
}

/// The least, the middle and the largest of some figures, to hundredths.
#[must_use]
pub fn spread(mut figures: Vec<f64>) -> Value {
    figures.sort_by(f64::total_cmp);
    let at = |index: usize| figures.get(index).copied().map(rounded);
    json!({ "min": at(0), "median": at(figures.len() / 2), "max": at(figures.len().saturating_sub(1)) })
}

/// Says something to people.
pub fn note(line: &str) {
    // Whoever does not listen has missed it.
    let _said = writeln!(io::stderr(), "{line}");
}

/// Nanoseconds since the machine started, by the one clock that all its processes share.
#[must_use]
pub fn boot_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// Processor time of this thread so far: what it does takes as much of it on a busy machine as on an idle one.
#[must_use]
pub fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Which file system a folder is on: what a sync costs there is part of a figure.
pub fn file_system(folder: &Path) -> Result<String> {
    let magic = statfs(folder).with_context(|| format!("ask for {}", folder.display()))?.f_type;
    Ok(FILE_SYSTEMS
        .iter()
        .find(|(known, _)| *known == magic)
        .map_or_else(|| format!("{magic:#x}"), |(_, name)| (*name).to_owned()))
}

/// How an agent watches, by its log.
#[must_use]
pub fn method(agent: &Agent) -> String {
    let log = agent.log();
    let named = log.rsplit_once("method=").map(|(_, rest)| rest.split([' ', '\n']).next().unwrap_or(rest));
    named.unwrap_or("unknown").trim_matches('"').to_owned()
}

/// To two digits after the point.
#[must_use]
pub fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// A count as a number to reckon with; of what is below four thousand millions.
#[must_use]
pub fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
