//! The pages that are made of the recorded figures. Pure but for reading them.

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    chart::told,
    instructions::{self, SPREAD},
    obstacles,
    plots::{self, KERNEL, WAYS},
    report, tables,
    targets::{self, Reached},
};
use crate::workspace;

/// Between these lines stands what is made; everything else is written by hand.
pub(crate) const MARK: &str = "bench";

/// Operations of the tables.
const OPERATIONS: [(&str, &str); 7] = [
    ("open_close", "open+close"),
    ("open_read_close", "open+read+close"),
    ("stat", "stat"),
    ("read", "read"),
    ("write", "write"),
    ("exec", "exec of `true`"),
    ("untar", "untar of 32 files"),
];

/// The folder of the pages.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("docs/performance")
}

/// Everything that is made of what was recorded: files as they should be, those with something written by hand too.
pub(crate) fn made() -> Result<Vec<(PathBuf, String)>> {
    if !report::recorded().exists() {
        return Ok(Vec::new());
    }
    let report = report::read(&report::recorded())?;
    let page = folder().join("README.md");
    let now = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let page_made = crate::generate::replace(&now, MARK, &details(&report)).with_context(|| format!("in {}", page.display()))?;
    let mut made = vec![(page, page_made)];
    made.extend(plots::all(&report).into_iter().map(|(name, text)| (folder().join(name), text)));
    Ok(made)
}

/// The README's table and plot; nothing if nothing was recorded.
pub(crate) fn headline() -> Result<String> {
    if !report::recorded().exists() {
        return Ok(String::new());
    }
    Ok(summary(&report::read(&report::recorded())?))
}

fn summary(report: &Value) -> String {
    let Some(kernel) = report["kernel"].get(KERNEL) else { return String::new() };
    let mut text = format!(
        "Linux {}; instructions added, counted; with nothing attached an open and close takes {}.\n\n\
         | watching one file by | open+close of another | open+read+close | stat | a daemon, for each open |\n|---|---|---|---|---|\n",
        kernel["release"].as_str().unwrap_or_default(),
        number(&kernel["baseline"])
    );
    for (key, name) in WAYS {
        // The detector's own row tells what its agent adds to a file that is no trap.
        if key.starts_with("peer:koney") {
            continue;
        }
        let setting = &kernel["settings"][key];
        let Some(open) = plots::accessor(key, setting) else { continue };
        let daemon = setting["others_per_open"].as_f64().map_or_else(|| "0".to_owned(), told);
        let [read, stat] = ["open_read_close", "stat"].map(|operation| number(&setting["added"][operation]));
        writeln!(text, "| {name} | {} | {read} | {stat} | {daemon} |", told(open)).ok();
    }
    text.push_str(
        "\n![What watching one file adds to an open and close of another](docs/performance/open.svg)\n\n\
         Every figure, the peers' configuration and what is not reached: [docs/performance](docs/performance/README.md).\n",
    );
    text
}

fn details(report: &Value) -> String {
    let mut text =
        "## Targets\n\nIn instructions where no unit is said.\n\n| | must | aim | measured | reached |\n|---|---|---|---|---|\n"
            .to_owned();
    let mut known = String::new();
    for target in targets::all(report) {
        let targets::Target { what, must, aim, measured, reached } = target;
        writeln!(text, "| {what} | {must} | {aim} | {measured} | {} |", reached.told()).ok();
        if matches!(reached, Reached::Must | Reached::Missed)
            && let Some(obstacle) = obstacles::of(what)
        {
            writeln!(known, "- **{what}**: {obstacle}").ok();
        }
    }
    if !known.is_empty() {
        write!(text, "\nWhat stands between a figure and its aim:\n\n{known}").ok();
    }
    text.push_str(
        "\nAlerts lost over a kill, a restart, an outage, a flood or a full disk: 0, which tests hold (`cargo xtask test`).\n",
    );
    for (series, kernel) in report["kernel"].as_object().into_iter().flatten() {
        operations(&mut text, series, kernel);
        accesses(&mut text, series, kernel);
    }
    let plots = plots::all(report);
    if !plots.is_empty() {
        text.push_str("\n## Plots\n");
    }
    for (name, _) in plots {
        writeln!(text, "\n![]({name})").ok();
    }
    let tables = tables::all(report);
    if !tables.is_empty() {
        write!(text, "\n## Times, queues and memory\n{tables}").ok();
    }
    guests(&mut text, report);
    text
}

/// What is added to each operation by each way of watching.
fn operations(text: &mut String, series: &str, kernel: &Value) {
    let release = kernel["release"].as_str().unwrap_or(series);
    write!(
        text,
        "\n## Linux {release}\n\n### Files that are no traps\n\nInstructions with nothing attached, then what is added to the process itself (≈: the median of counts that never settled).\n\n|"
    )
    .ok();
    for (_, name) in OPERATIONS {
        write!(text, " | {name}").ok();
    }
    writeln!(text, " | daemon, for each open |\n|---{}|---|", "|---".repeat(OPERATIONS.len())).ok();
    let row = |text: &mut String, name: &str, cells: &[String], daemon: &str| {
        writeln!(text, "| {name} | {} | {daemon} |", cells.join(" | ")).ok();
    };
    let base = &kernel["settings"]["nothing, before the detectors"];
    row(text, "nothing attached", &OPERATIONS.map(|(key, _)| number(&base[key])), "");
    let mut settings: Vec<(&str, String)> = Vec::new();
    for (method, method_name) in [("lsm", "LSM"), ("fentry", "fentry"), ("kprobe", "kprobe")] {
        settings.push((method, format!("floor, {method_name}")));
    }
    let mut rows: Vec<(String, String)> = settings.into_iter().map(|(method, name)| (format!("floor:{method}"), name)).collect();
    for (method, name) in [("lsm", "LSM"), ("fentry", "fentry"), ("kprobe", "kprobe")] {
        for traps in [1.0, 1_000.0, 100_000.0] {
            let plural = if traps > 1.0 { "traps" } else { "trap" };
            rows.push((format!("koney:{method}:{traps}"), format!("koney, {name}, {} {plural}", told(traps))));
        }
    }
    let known = WAYS.iter().filter(|(key, _)| !key.starts_with("koney:") && !key.starts_with("floor:"));
    rows.extend(known.map(|(key, name)| ((*key).to_owned(), (*name).to_owned())));
    for (key, name) in rows {
        let setting = &kernel["settings"][&key];
        if let Some(reason) = setting["lacks"].as_str().or_else(|| setting["failed"].as_str()) {
            writeln!(text, "| {name} | not counted: {reason} |").ok();
        }
        if setting["added"].is_null() {
            continue;
        }
        let cells = OPERATIONS.map(|(operation, _)| {
            let counted = instructions::counted(&key, operation);
            let about = if setting["per_operation"].get(format!("{counted}{SPREAD}")).is_some() { "≈ " } else { "" };
            format!("{about}{}", number(&setting["added"][counted]))
        });
        row(text, &name, &cells, &number(&setting["others_per_open"]));
    }
}

/// What an access to the trap costs.
fn accesses(text: &mut String, _series: &str, kernel: &Value) {
    text.push_str(
        "\n### The watched file itself\n\nAdded to one open and close of it: to the process that makes it, and what the daemon does until it has told.\n\n\
         | | first access of a process | daemon | told | the same process again | daemon | told |\n|---|---|---|---|---|---|---|\n",
    );
    for (key, name) in WAYS {
        let trap = &kernel["settings"][key]["trap"];
        if trap.is_null() {
            continue;
        }
        let added = |one: &Value| {
            let [trap, not] = ["accessor", "not_a_trap"].map(|key| one[key].as_f64());
            trap.zip(not).map_or(Value::Null, |(trap, not)| Value::from(trap - not))
        };
        let of = |one: &Value| format!("{} of {}", number(&one["told"]), number(&one["accesses"]));
        let [first, repeat] = ["first", "repeat"].map(|which| &trap[which]);
        let cells: Vec<String> =
            [first, repeat].into_iter().flat_map(|one| [number(&added(one)), number(&one["others"]), of(one)]).collect();
        writeln!(text, "| {name} | {} |", cells.join(" | ")).ok();
    }
}

/// On what the figures were made.
fn guests(text: &mut String, report: &Value) {
    let machine = &report["machine"];
    let [cpu, release] = ["cpu", "kernel"].map(|key| machine[key].as_str().unwrap_or("unknown"));
    writeln!(
        text,
        "\n## Where\n\nThe machine: {cpu}, {} processors, Linux {release}. Instructions do not depend on it, everything else does.",
        number(&machine["processors"])
    )
    .ok();
    if let Some(kernel) = report["kernel"].get(KERNEL) {
        let guest = &kernel["guest"];
        let [version, words] = ["qemu_version", "qemu"].map(|key| guest[key].as_str().unwrap_or_default());
        writeln!(
            text,
            "\n{version}, with the processor model {}:\n\n```\n{words}\n```",
            guest["cpu"].as_str().unwrap_or_default()
        )
        .ok();
        let peers: Vec<_> = kernel["peers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
            .collect();
        writeln!(
            text,
            "\nPeers, as Debian 12 ships them: {}. How each is started stands in [tests/peers](../../tests/peers).",
            peers.join(", ")
        )
        .ok();
    }
}

/// A figure for people; a dash where there is none.
fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), told)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Value {
        json!({ "kernel": { "6.12": {
            "release": "6.12.1", "baseline": 7643.81, "lsm": { "floor": 183.0, "koney_1": 318.0 },
            "settings": {
                "koney:lsm:1": { "added": { "open_close": 318.0, "stat": 0.0 } },
                "peer:fatrace": {
                    "added": { "open_close": 9000.0, "open_close_thread": 3000.0, "stat": 0.0 }, "others_per_open": 8000.0,
                    "trap": { "first": { "accessor": 9000.0, "not_a_trap": 7000.0, "others": 5000.0, "told": 21, "accesses": 21 } },
                },
            },
        } } })
    }

    #[test]
    fn the_headline_has_a_row_for_each_way_of_watching_that_was_counted() {
        let text = summary(&report());
        assert!(text.contains("| koney, LSM | 318 | – | 0 | 0 |\n"), "{text}");
        assert!(text.contains("| fatrace | 3,000 | – | 0 | 8,000 |\n"), "{text}");
        assert!(!text.contains("auditd"), "{text}");
    }

    #[test]
    fn the_page_tells_what_an_access_to_the_trap_costs() {
        let text = details(&report());
        assert!(text.contains("| fatrace | 2,000 | 5,000 | 21 of 21 |"), "{text}");
    }
}
