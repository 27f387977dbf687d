//! Which plots there are. Pure.

use serde_json::Value;

use super::chart::{Bar, Bars, Line, Lines};

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
    let plots = [
        ("open.svg", open(report)),
        ("trap.svg", trap(report)),
        ("traps.svg", traps(report)),
        (
            "memory-traps.svg",
            grown(
                report,
                "traps",
                "memory-idle",
                "/mib/resident",
                "resident MiB",
                "The agent's memory by traps of a host",
                &|one| one["containers"] == 0,
            ),
        ),
        (
            "memory-containers.svg",
            grown(
                report,
                "containers",
                "memory-idle",
                "/mib/resident",
                "resident MiB",
                "The agent's memory by containers, with 1,000 traps over all of them",
                &|one| one["traps"] == 1000,
            ),
        ),
        (
            "start-traps.svg",
            grown(
                report,
                "traps",
                "memory-start",
                "/ms",
                "milliseconds",
                "From the agent's start until all traps are armed",
                &|one| one["containers"] == 0,
            ),
        ),
        (
            "pipeline-sinks.svg",
            grown(
                report,
                "sinks",
                "record-burst",
                "/durable_per_s",
                "alerts/s",
                "Alerts kept on disk, by sinks that take all of them",
                &|_| true,
            ),
        ),
    ];
    plots.into_iter().filter_map(|(name, plot)| Some((name, plot?))).collect()
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
        let added = first["accessor"].as_f64()? - first["not_a_trap"].as_f64()?;
        let koney = key.starts_with("peer:koney");
        let parts = if koney { vec![0.0, added, 0.0, 0.0, others] } else { vec![0.0, 0.0, added, others] };
        Some(Bar { label: (*name).to_owned(), parts, note: String::new() })
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
        series: lines.collect(),
    };
    Some(plot.draw()).filter(|_| plot.series.iter().any(|line| line.points.len() > 1))
}

/// What the accessor pays for an open and close.
pub(crate) fn accessor(setting: &str, figures: &Value) -> Option<f64> {
    let operation = if setting.starts_with("peer:") { "open_close_thread" } else { "open_close" };
    figures["added"][operation].as_f64()
}

fn subtitle(kernel: &Value) -> String {
    let release = kernel["release"].as_str().unwrap_or_default();
    let baseline = kernel["baseline"].as_f64().map(super::chart::told).unwrap_or_default();
    format!("Linux {release}, counted; with nothing attached an open and close takes {baseline} instructions")
}

/// A figure of the measuring programs by something that grows.
fn grown(
    report: &Value,
    by: &str,
    what: &str,
    pointer: &str,
    up: &'static str,
    title: &'static str,
    fits: &dyn Fn(&Value) -> bool,
) -> Option<String> {
    let results = report["results"].as_object()?.values().filter_map(Value::as_array).flatten();
    let mut points: Vec<(f64, f64)> = results
        .filter(|one| one["what"] == what && fits(one))
        .filter_map(|one| Some((one[by].as_f64()?, one.pointer(pointer)?.as_f64()?)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    let series = vec![Line { name: "koney's agent".to_owned(), points }];
    let plot = Lines { title, subtitle: "in a guest with Linux 6.12", across: by, up, series };
    Some(plot.draw()).filter(|_| plot.series.iter().any(|line| line.points.len() > 1))
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
