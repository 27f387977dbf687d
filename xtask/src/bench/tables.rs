//! Tables of what the measuring programs printed. Pure. What has no column here stands in `bench.json`.

use std::fmt::Write as _;

use serde_json::Value;

use super::{chart::told, report};

/// One table: a row for each result of these names.
struct Table {
    title: &'static str,
    what: &'static [&'static str],
    /// Head, and where in a result the figure is.
    columns: &'static [(&'static str, &'static str)],
}

const TABLES: [Table; 12] = [
    Table {
        title: "Time of an open and close, with and without",
        what: &["wall-open"],
        columns: &[
            ("watched by", "/way"),
            ("without, ns", "/ns/without"),
            ("with, ns", "/ns/with"),
            ("with ÷ without", "/ratio/median"),
            ("least", "/ratio/min"),
            ("most", "/ratio/max"),
            ("of nothing", "/noise/median"),
            ("least", "/noise/min"),
            ("most", "/noise/max"),
            ("refused", "/refused"),
        ],
    },
    Table {
        title: "From an open to the request at its receiver, in milliseconds; counted, in millions of instructions",
        what: &["open-to-socket"],
        columns: &[
            ("where", "/where"),
            ("connection", "/connection"),
            ("half within", "/ms/p50"),
            ("90 of 100", "/ms/p90"),
            ("99 of 100", "/ms/p99"),
            ("longest", "/ms/max"),
            ("samples", "/ms/samples"),
            ("state on", "/state"),
        ],
    },
    Table {
        title: "A record by stage, in nanoseconds; counted, in instructions",
        what: &["pipeline-stages"],
        columns: &[
            ("where", "/where"),
            ("accessor in a", "/scene"),
            ("policies", "/policies"),
            ("decoded", "/decode/ns"),
            ("matched", "/match/ns"),
            ("alert made", "/alert/ns"),
            ("those three, and deduplicated", "/stream/ns"),
            ("records/s", "/stream/per_s"),
            ("line", "/render_line/ns"),
            ("event for Dynatrace", "/render_dynatrace/ns"),
        ],
    },
    Table {
        title: "What a record allocates",
        what: &["allocations"],
        columns: &[
            ("accessor in a", "/scene"),
            ("decoded", "/decode/allocations"),
            ("whole way to its alert", "/stream/allocations"),
            ("bytes", "/stream/bytes"),
            ("line", "/render_line/allocations"),
            ("event for Dynatrace", "/render_dynatrace/allocations"),
        ],
    },
    Table {
        title: "From a record to the bytes at a receiver, syncs included, in milliseconds",
        what: &["record-to-socket", "record-rate"],
        columns: &[
            ("records/s", "/records_per_s"),
            ("sinks", "/of/sinks"),
            ("half within", "/ms/p50"),
            ("90 of 100", "/ms/p90"),
            ("99 of 100", "/ms/p99"),
            ("longest", "/ms/max"),
            ("samples", "/ms/samples"),
        ],
    },
    Table {
        title: "A burst of records",
        what: &["record-burst"],
        columns: &[
            ("records", "/records"),
            ("sinks", "/of/sinks"),
            ("durable alerts/s", "/durable_per_s"),
            ("delivered/s", "/delivered_per_s"),
            ("events in a request", "/events_per_request"),
        ],
    },
    Table {
        title: "Alerts into the queue",
        what: &["queue-push"],
        columns: &[
            ("in a batch", "/batch"),
            ("durable/s", "/durable_per_s"),
            ("ms for each batch", "/ms_per_batch"),
            ("bytes of a row", "/row_bytes"),
            ("bytes written for each", "/written_bytes_per_alert"),
            ("taken out/s", "/removed_per_s"),
        ],
    },
    Table {
        title: "A queue found at the start",
        what: &["queue-recovery"],
        columns: &[("after it was", "/after_it_was"), ("alerts", "/rows"), ("ms", "/ms")],
    },
    Table {
        title: "Memory of queues that are full, in MiB",
        what: &["queue-memory"],
        columns: &[
            ("on disk, or in memory where it is full", "/how"),
            ("sinks", "/sinks"),
            ("alerts", "/rows"),
            ("added", "/mib_added"),
            ("peak of the program", "/mib_peak"),
        ],
    },
    Table {
        title: "The agent's memory in MiB, the time of its start, and what it does idle",
        what: &["memory-empty", "memory-start", "memory-idle", "memory-flood"],
        columns: &[
            ("when", "/what"),
            ("where", "/where"),
            ("traps", "/traps"),
            ("containers", "/containers"),
            ("sinks", "/sinks"),
            ("resident", "/mib/resident"),
            ("of that its own", "/mib/anonymous"),
            ("peak", "/mib/peak"),
            ("processor, s a minute", "/idle/processor_s_per_minute"),
            ("start, ms", "/ms"),
            ("accesses/s", "/accesses_per_s"),
        ],
    },
    Table {
        title: "Memory in the kernel, in bytes, and over an hour of churn, in MiB",
        what: &["memory-kernel-memory", "memory-churn"],
        columns: &[
            ("", "/what"),
            ("where", "/where"),
            ("keys", "/keys"),
            ("each", "/bytes_per_key"),
            ("maps", "/bytes/maps"),
            ("programs", "/bytes/programs"),
            ("minutes", "/minutes"),
            ("containers replaced", "/containers_replaced"),
            ("at first", "/mib_start"),
            ("at last", "/mib_end"),
        ],
    },
    Table {
        title: "A sink beside one that answers, and beside one that hangs, in milliseconds",
        what: &["hanging-sink"],
        columns: &[
            ("alone, half within", "/alone_ms/p50"),
            ("beside one that answers", "/answering_ms/p50"),
            ("beside one that hangs", "/hanging_ms/p50"),
            ("99 of 100", "/answering_ms/p99"),
            ("99 of 100", "/hanging_ms/p99"),
            ("hanging ÷ answering", "/ratio/median"),
            ("least", "/ratio/min"),
            ("most", "/ratio/max"),
            ("of nothing", "/noise/median"),
        ],
    },
];

/// All tables that have rows.
pub(crate) fn all(report: &Value) -> String {
    let mut text = String::new();
    let results = || report::results(report).map(|(_, result)| result);
    for table in TABLES {
        let rows: Vec<_> = results().filter(|one| table.what.iter().any(|what| one["what"] == *what)).collect();
        if rows.is_empty() {
            continue;
        }
        // What no row has is no column.
        let columns: Vec<_> = table.columns.iter().filter(|(_, at)| rows.iter().any(|row| row.pointer(at).is_some())).collect();
        let heads: Vec<_> = columns.iter().map(|(head, _)| *head).collect();
        write!(text, "\n### {}\n\n| {} |\n|{}\n", table.title, heads.join(" | "), "---|".repeat(heads.len())).ok();
        for row in rows {
            let cells: Vec<_> = columns.iter().map(|(_, at)| cell(row.pointer(at))).collect();
            writeln!(text, "| {} |", cells.join(" | ")).ok();
        }
    }
    for missing in results().filter(|one| one["what"] == "nothing measured") {
        writeln!(text, "\n`{}` measured nothing: {}", cell(missing.get("program")), cell(missing.get("reason"))).ok();
    }
    text
}

/// A figure or a word; of a sentence its beginning, which says what.
fn cell(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => {
            text.split("; ").next().unwrap_or_default().trim_start_matches("memory-").replace('|', "\\|").replace('\n', " ")
        }
        // Ratios and short times are told by their hundredths.
        Some(value) => match value.as_f64() {
            Some(small) if small.abs() < 10.0 => format!("{small:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
            Some(number) => told(number),
            None => "–".to_owned(),
        },
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_is_a_row_and_what_no_row_has_is_no_column() {
        let report = json!({ "results": { "wall": [
            { "what": "wall-open", "way": "koney, lsm", "refused": "not permitted; koney needs more" },
            { "what": "wall-open", "way": "koney, fanotify", "ns": { "without": 800.0, "with": 820.0 }, "ratio": { "median": 1.026 } },
        ], "queue": [{ "what": "nothing measured", "program": "koney-bench-queue", "reason": "no disk" }] } });
        let text = all(&report);
        assert!(
            text.contains("| watched by | without, ns | with, ns | with ÷ without | refused |\n|---|---|---|---|---|\n"),
            "{text}"
        );
        assert!(
            text.contains("| koney, lsm | – | – | – | not permitted |\n| koney, fanotify | 800 | 820 | 1.03 | – |\n"),
            "{text}"
        );
        assert!(text.contains("`koney-bench-queue` measured nothing: no disk"), "{text}");
    }
}
