//! Which plots there are. Pure.

use serde_json::Value;

use super::{
    chart::{Bar, Bars, Line, Lines},
    churn, instructions, report,
};

/// The kernel of the plots that show one.
pub(crate) const KERNEL: &str = "6.12";

/// A setting's name for people, in the order of tables and plots.
pub(crate) const WAYS: [(&str, &str); 12] = [
    ("koney:lsm:1", "koney, LSM"),
    ("koney:fentry:1", "koney, fentry"),
    ("koney:kprobe:1", "koney, kprobe"),
    ("fanotify", "koney, fanotify (where eBPF is refused)"),
    ("peer:koney", "koney's agent, LSM"),
    ("peer:koney-fanotify", "koney's agent, fanotify"),
    ("peer:inotifywait", "inotifywait"),
    ("peer:fatrace", "fatrace"),
    ("peer:bpftrace-fentry", "bpftrace, fentry"),
    ("peer:bpftrace-kprobe", "bpftrace, kprobe"),
    ("peer:auditd", "auditd, one watch"),
    ("floor:lsm", "an LSM program that does nothing"),
];

/// Files of the plots and what is in them; those without figures are left out.
pub(crate) fn all(report: &Value) -> Vec<(&'static str, String)> {
    let counted = [("open.svg", open(report)), ("trap.svg", trap(report)), ("traps.svg", traps(report))];
    let plots = counted.into_iter().chain([("churn.svg", churn::plot(report))]);
    let plots = plots.chain(GROWN.iter().map(|grown| (grown.file, grown.draw(report))));
    plots.filter_map(|(name, plot)| Some((name, plot?))).collect()
}

/// A figure of the measuring programs by something that grows.
struct Grown {
    file: &'static str,
    title: &'static str,
    subtitle: &'static str,
    /// The result, what it must say, and where in it is what grows.
    what: &'static str,
    fits: fn(&Value) -> bool,
    by: &'static str,
    across: &'static str,
    up: &'static str,
    /// Each line, and where its figures are.
    lines: &'static [(&'static str, &'static str)],
}

const GUEST: &str = "in an emulated guest with Linux 6.12";
const HOST: &str = "on this machine, queues on its disk";
const MEMORY: &[(&str, &str)] = &[("resident", "/mib/resident"), ("its own, without files", "/mib/anonymous")];

const GROWN: [Grown; 7] = [
    Grown {
        file: "memory-traps.svg",
        title: "The agent's memory by traps of a host",
        subtitle: GUEST,
        what: "memory-idle",
        fits: |one| one["containers"] == 0 && one["sinks"] == 1,
        by: "/traps",
        across: "traps",
        up: "MiB",
        lines: MEMORY,
    },
    Grown {
        file: "memory-containers.svg",
        title: "The agent's memory by containers, with 1,000 traps over all of them",
        subtitle: GUEST,
        what: "memory-idle",
        fits: |one| one["traps"] == 1000 && one["containers"] != 0,
        by: "/containers",
        across: "containers",
        up: "MiB",
        lines: MEMORY,
    },
    Grown {
        file: "memory-sinks.svg",
        title: "The agent's memory by sinks, with 1,000 traps of a host",
        subtitle: GUEST,
        what: "memory-idle",
        fits: |one| one["traps"] == 1000 && one["containers"] == 0,
        by: "/sinks",
        across: "sinks",
        up: "MiB",
        lines: MEMORY,
    },
    Grown {
        file: "start-traps.svg",
        title: "From the agent's start until all traps are armed",
        subtitle: GUEST,
        what: "memory-start",
        fits: |one| one["containers"] == 0 && one["sinks"] == 1,
        by: "/traps",
        across: "traps of a host",
        up: "milliseconds",
        lines: &[("start", "/ms")],
    },
    Grown {
        file: "pipeline-sinks.svg",
        title: "Alerts that are on disk, by sinks that take all of them",
        subtitle: HOST,
        what: "record-burst",
        fits: |_| true,
        by: "/of/sinks",
        across: "sinks",
        up: "alerts/s",
        lines: &[("on disk for all of them", "/durable_per_s"), ("at the first one's receiver", "/delivered_per_s")],
    },
    Grown {
        file: "pipeline-policies.svg",
        title: "Records through decoding, matching and alert, by policies that want a trap",
        subtitle: "on one core of this machine",
        what: "pipeline-stages",
        fits: |one| one["scene"] != "host",
        by: "/policies",
        across: "policies",
        up: "records/s",
        lines: &[("whole way", "/stream/per_s")],
    },
    Grown {
        file: "pipeline-rate.svg",
        title: "From a record to the bytes at a receiver, by the rate of records",
        subtitle: HOST,
        what: "record-rate",
        fits: |one| one["of"]["sinks"] == 1,
        by: "/records_per_s",
        across: "records/s",
        up: "milliseconds",
        lines: &[("half of them within", "/ms/p50"), ("99 of 100 within", "/ms/p99")],
    },
];

impl Grown {
    fn draw(&self, report: &Value) -> Option<String> {
        let results = report::results(report).map(|(_, one)| one);
        let results: Vec<&Value> = results.filter(|one| one["what"] == self.what && (self.fits)(one)).collect();
        let line = |(name, figure): &(&str, &str)| {
            let of = |one: &&Value| Some((one.pointer(self.by)?.as_f64()?, one.pointer(figure)?.as_f64()?));
            let mut points: Vec<(f64, f64)> = results.iter().filter_map(of).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
            Line { name: (*name).to_owned(), points }
        };
        let series = self.lines.iter().map(line).collect();
        let Self { title, subtitle, across, up, .. } = *self;
        let plot = Lines { title, subtitle, across, up, even: &[], series };
        Some(plot.draw()).filter(|_| plot.series.iter().any(|line| line.points.len() > 1))
    }
}

fn open(report: &Value) -> Option<String> {
    let kernel = report["kernel"].get(KERNEL)?;
    let settings = &kernel["settings"];
    let bars = WAYS.iter().filter_map(|(key, name)| {
        let setting = settings.get(*key)?;
        let added = accessor(key, setting)?;
        let parts = match key.split(':').collect::<Vec<_>>().as_slice() {
            ["koney", method, _] => {
                let floor = kernel[*method]["floor"].as_f64()?;
                vec![floor, added - floor, 0.0, 0.0]
            }
            // Its parts stand in the bars of its detectors.
            ["peer", "koney" | "koney-fanotify"] | ["floor", _] => return None,
            ["fanotify"] => vec![0.0, added, 0.0, 0.0],
            _ => vec![0.0, 0.0, added, setting["others_per_open"].as_f64().unwrap_or_default()],
        };
        Some(Bar { label: (*name).to_owned(), parts, note: String::new() })
    });
    let plot = Bars {
        title: "What watching one file adds to an open and close of another",
        subtitle: &subtitle(kernel),
        legend: &["floor: an empty program", "koney above it", "a peer, in the accessor", "a peer's daemon"],
        axis: "instructions added",
        rows: bars.collect(),
    };
    Some(plot.draw()).filter(|_| !plot.rows.is_empty())
}

fn trap(report: &Value) -> Option<String> {
    let kernel = report["kernel"].get(KERNEL)?;
    let bars = WAYS.iter().filter_map(|(key, name)| {
        let first = kernel["settings"].get(*key)?["trap"].get("first")?;
        let others = first["others"].as_f64()?;
        // What tells of every open does no more for this one.
        let added = (first["accessor"].as_f64()? - first["not_a_trap"].as_f64()?).max(0.0);
        let note = if added + others > 0.0 { "" } else { "more than any other open" };
        let koney = key.starts_with("peer:koney");
        let parts = if koney { vec![0.0, added, 0.0, 0.0, others] } else { vec![0.0, 0.0, added, others] };
        Some(Bar { label: (*name).to_owned(), parts, note: note.to_owned() })
    });
    let plot = Bars {
        title: "What telling of one access to the watched file costs",
        subtitle: &subtitle(kernel),
        legend: &["", "koney, in the accessor", "a peer, in the accessor", "a peer's daemon", "koney's agent"],
        axis: "instructions",
        rows: bars.collect(),
    };
    Some(plot.draw()).filter(|_| !plot.rows.is_empty())
}

fn traps(report: &Value) -> Option<String> {
    let kernel = report["kernel"].get(KERNEL)?;
    let lines = [("lsm", "LSM"), ("fentry", "fentry"), ("kprobe", "kprobe")].into_iter().filter_map(|(method, name)| {
        let figures = kernel[method].as_object()?;
        let floor = figures.get("floor")?.as_f64()?;
        let mut points: Vec<(f64, f64)> = figures
            .iter()
            .filter_map(|(key, figure)| Some((key.strip_prefix("koney_")?.parse().ok()?, figure.as_f64()? - floor)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some(Line { name: format!("{name}, over its floor"), points })
    });
    let plot = Lines {
        title: "What koney adds to an open and close of a file that is no trap, by traps",
        subtitle: &subtitle(kernel),
        across: "armed traps, each with two keys, on overlays",
        up: "instructions over the floor",
        even: &[],
        series: lines.collect(),
    };
    Some(plot.draw()).filter(|_| plot.series.iter().any(|line| line.points.len() > 1))
}

/// What the accessor pays for an open and close.
pub(crate) fn accessor(setting: &str, figures: &Value) -> Option<f64> {
    figures["added"][instructions::counted(setting, instructions::OPEN)].as_f64()
}

fn subtitle(kernel: &Value) -> String {
    let release = kernel["release"].as_str().unwrap_or_default();
    let baseline = kernel["baseline"].as_f64().map(super::chart::told).unwrap_or_default();
    format!("Linux {release}, counted; with nothing attached an open and close takes {baseline} instructions")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plots_without_figures_are_left_out() {
        assert!(all(&json!({})).is_empty());
        let report = json!({ "kernel": { "6.12": {
            "release": "6.12.1", "baseline": 7000.0, "lsm": { "floor": 183.0, "koney_1": 318.0, "koney_1000": 320.0 },
            "settings": {
                "koney:lsm:1": { "added": { "open_close": 318.0 } },
                "peer:fatrace": { "added": { "open_close_thread": 3000.0 }, "others_per_open": 8000.0 },
            },
        } } });
        let plots = all(&report);
        assert_eq!(plots.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["open.svg", "traps.svg"]);
        assert!(plots[0].1.contains(">11,000<"), "{}", plots[0].1);
    }
}
