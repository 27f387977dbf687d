//! The report: `bench.json` in the target folder, and the copy of it that is kept in docs/.
//!
//! ```json
//! {"machine": {"cpu": "…", "kernel": "…", "processors": 2},
//!  "kernel": {"6.12": {"release": "…", "baseline": 7643.8, "lsm": {"floor": 183.0, "koney_1": 318.0, …}, "inotifywait": 4.0, …,
//!                      "settings": {"koney:lsm:1": {"per_operation": {…}, "added": {…}, "trap": {…}}, …}, "guest": {…}, "peers": {…}}},
//!  "results": {"pipeline": [{"what": "…", …}], "queue": […], …},
//!  "pipeline": {…}, "queue": {…}, "memory_mib": {…}, "size_mib": {…}, "start_ms": …, "start": {…}}
//! ```
//!
//! `results` holds what each measuring program printed, whole; the members below it are the few figures of it that the targets ask for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::page;
use crate::{cli::BenchPart, suite, ui, workspace};

/// `where` of what was measured by a clock that counts instructions.
pub(crate) const COUNTED: &str = "counted";

/// The folder of all reports.
pub(crate) fn folder() -> PathBuf {
    suite::report_folder()
}

fn path() -> PathBuf {
    folder().join("bench.json")
}

/// The copy that stays.
pub(crate) fn recorded() -> PathBuf {
    page::folder().join("bench.json")
}

/// What was measured last, on this machine or on the one that recorded it: a part that is run again takes the place of its own.
pub(crate) fn latest() -> Result<Value> {
    for path in [path(), recorded()] {
        if path.exists() {
            return read(&path);
        }
    }
    Ok(json!({}))
}

/// Reads a report.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no report of cargo xtask bench", path.display()))
}

/// Writes it.
pub(crate) fn write(report: &Value) -> Result<()> {
    let path = path();
    workspace::write_atomically(&path, text(report)?.as_bytes())?;
    ui::note(&format!("report: {}", path.display()));
    Ok(())
}

/// Keeps it in docs/, and makes the pages of it.
pub(crate) fn record(report: &Value) -> Result<()> {
    workspace::write_atomically(&recorded(), text(report)?.as_bytes())?;
    ui::note(&format!("recorded: {}; cargo xtask generate makes the tables and plots of it", recorded().display()));
    Ok(())
}

/// One figure a line, so that a change of one is a change of one line.
pub(crate) fn text(report: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(report).context("a report is plain data")? + "\n")
}

/// On what the figures were made that depend on it.
pub(crate) fn machine(report: &mut Value) -> Result<()> {
    let info = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).and_then(|line| line.split_once(": "));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot tell the kernel's release")?;
    report["machine"] = json!({
        "cpu": model.map_or("unknown", |(_, model)| model),
        "kernel": release.trim(),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
    });
    Ok(())
}

/// Puts what was measured in the place of what was there: of each kernel and of each part, whole.
pub(crate) fn merge(report: &mut Value, measured: Value) {
    let Value::Object(measured) = measured else { return };
    for (name, figures) in measured {
        match figures {
            Value::Object(figures) => figures.into_iter().for_each(|(part, figures)| report[&name][part] = figures),
            figures => report[&name] = figures,
        }
    }
}

/// What the measuring programs printed, of each part.
pub(crate) fn results(report: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let parts = report["results"].as_object().into_iter().flatten();
    parts.flat_map(|(part, results)| results.as_array().into_iter().flatten().map(move |result| (part.as_str(), result)))
}

/// Finds a result by its name and what else must be true of it. The points of a curve have the names of what stands for itself, and are none.
pub(crate) fn result<'a>(report: &'a Value, what: &str, fits: impl Fn(&Value) -> bool) -> Option<&'a Value> {
    let single = results(report).filter(|(part, _)| *part != BenchPart::Growth.name());
    single.map(|(_, result)| result).find(|result| result["what"] == what && fits(result))
}

/// Lifts the figures that the targets ask for to the top.
pub(crate) fn summarise(report: &mut Value) {
    let any = |result: &Value| result["where"] != COUNTED;
    let whole = |result: &Value| any(result) && result["containers"] == json!(300);
    let counted =
        |result: &Value| result["where"] == COUNTED && (result["containers"] == json!(300) || result["scene"] == "host");
    let pick = |what: &str, pointer: &str, fits: &dyn Fn(&Value) -> bool| {
        result(report, what, fits).and_then(|result| result.pointer(pointer)).cloned().unwrap_or_default()
    };
    let kept = |result: &Value| any(result) && result["connection"] == "open";
    let closed = |result: &Value| any(result) && result["connection"] == "not open";
    // A counted millisecond is a million instructions.
    let millions_of =
        |connection: &str| pick("open-to-socket", "/ms/p50", &|result| !any(result) && result["connection"] == connection);
    let quantiles = |fits: &dyn Fn(&Value) -> bool| json!({ "p50": pick("open-to-socket", "/ms/p50", fits), "p99": pick("open-to-socket", "/ms/p99", fits) });
    let of = |scene: &str| pick("pipeline-stages", "/stream/per_s", &|result| any(result) && result["scene"] == scene);
    let pipeline = json!({
        "records_per_s": of("host"),
        "records_of_containers_per_s": of("container"),
        "open_to_socket_ms": quantiles(&kept),
        "open_to_socket_not_open_ms": quantiles(&closed),
        "open_to_socket_million_instructions": { "open": millions_of("open"), "not_open": millions_of("not open") },
    });
    let queue = json!({ "durable_per_s": pick("record-burst", "/durable_per_s", &any) });
    let memory = json!({
        "idle": pick("memory-idle", "/mib/resident", &whole),
        "flood": pick("memory-flood", "/mib/peak", &whole),
        "kernel_bytes_per_key": pick("memory-kernel-memory", "/bytes_per_key", &whole),
    });
    let start = pick("memory-start", "/ms", &whole);
    let millions = pick("memory-start", "/ms", &counted);
    let host = |result: &Value| result["where"] == "host" && result["scene"] == "host";
    let stream = |fits: &dyn Fn(&Value) -> bool| pick("pipeline-stages", "/stream/ns", fits).as_f64();
    let rate = stream(&counted).zip(stream(&host)).map(|(instructions, ns)| instructions / ns);
    let start_of = json!({
        "million_instructions": millions,
        "instructions_per_ns": rate,
        "estimated_ms": millions.as_f64().zip(rate).map(|(millions, rate)| millions / rate),
    });
    report["pipeline"] = pipeline;
    report["queue"] = queue;
    report["memory_mib"] = memory;
    report["start_ms"] = start;
    report["start"] = start_of;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_takes_the_place_of_its_own_alone() {
        let mut report =
            json!({ "kernel": { "6.1": { "baseline": 1, "lsm": 2 }, "6.12": { "baseline": 3 } }, "results": { "queue": [1] } });
        merge(
            &mut report,
            json!({ "kernel": { "6.1": { "baseline": 4 } }, "results": { "churn": [2] }, "size_mib": { "image": 5 } }),
        );
        let merged = json!({
            "kernel": { "6.1": { "baseline": 4 }, "6.12": { "baseline": 3 } },
            "results": { "queue": [1], "churn": [2] }, "size_mib": { "image": 5 },
        });
        assert_eq!(report, merged);
    }

    #[test]
    fn the_figures_of_the_targets_are_lifted_out_of_the_results() {
        let mut report = json!({ "results": {
            "latency": [
                { "what": "open-to-socket", "where": "counted", "connection": "open", "ms": { "p50": 1.3, "p99": 1.9 } },
                { "what": "open-to-socket", "connection": "not open", "ms": { "p50": 9, "p99": 30 } },
                { "what": "open-to-socket", "connection": "open", "ms": { "p50": 4, "p99": 20 } },
            ],
            "memory": [
                { "what": "memory-start", "where": "counted", "containers": 300, "ms": 1_900.0 },
                { "what": "pipeline-stages", "where": "counted", "scene": "host", "stream": { "ns": 6_000.0 } },
                { "what": "memory-start", "where": "guest", "containers": 300, "ms": 2_500.0 },
                { "what": "memory-idle", "where": "guest", "containers": 300, "mib": { "resident": 11.5 } },
            ],
            "growth": [
                { "what": "pipeline-stages", "where": "host", "scene": "host", "stream": { "ns": 4_000.0, "per_s": 250_000 } },
                { "what": "record-burst", "where": "host", "durable_per_s": 7_000 },
            ],
            "pipeline": [
                { "what": "pipeline-stages", "where": "host", "scene": "host", "stream": { "ns": 2_000.0, "per_s": 500_000 } },
                { "what": "record-burst", "where": "host", "durable_per_s": 30_000 },
            ],
        } });
        summarise(&mut report);
        assert_eq!(report["pipeline"]["open_to_socket_ms"], json!({ "p50": 4, "p99": 20 }));
        assert_eq!(report["pipeline"]["open_to_socket_million_instructions"], json!({ "open": 1.3, "not_open": null }));
        assert_eq!(report["start_ms"], json!(2_500.0));
        assert_eq!(
            report["start"],
            json!({ "million_instructions": 1_900.0, "instructions_per_ns": 3.0, "estimated_ms": 1_900.0 / 3.0 })
        );
        assert_eq!(report["pipeline"]["records_per_s"], json!(500_000));
        assert_eq!(report["queue"]["durable_per_s"], json!(30_000));
        assert_eq!((&report["memory_mib"]["idle"], &report["memory_mib"]["flood"]), (&json!(11.5), &Value::Null));
    }
}
