//! The page of facts that are given.

use std::collections::BTreeSet;

use prometheus_client::metrics::histogram::Histogram;

use super::{
    Facts, Form, Validity,
    names::{ALL, Declared},
    page,
};
use crate::{
    cluster::Answer,
    kernel::Counts,
    sink::{Health, SinkId},
};

/// Everything that can be known.
fn facts() -> Facts {
    let took = Histogram::new([0.1, 1.0]);
    took.observe(0.5);
    let health = Health {
        configured: true,
        queued: 3,
        bytes: 900,
        oldest: Some(jiff::Timestamp::UNIX_EPOCH),
        last_success: Some(jiff::Timestamp::UNIX_EPOCH),
        delivered: 5,
        dropped: 1,
        last_error: Some("\"\nhunter2".to_owned()),
        ..Health::new(SinkId::new("koney-system", "prod"))
    };
    Facts {
        method: "lsm",
        hooks: vec![("file_open", "lsm", true), ("link", "lsm", false)],
        blind: false,
        steps: vec![("attached", true), ("pods", false)],
        traps: vec![("quote\"\nname".to_owned(), "armed", 2)],
        policies: Validity { valid: 1, partial: 0, invalid: 2 },
        sink_objects: Validity::default(),
        problems: vec![("error", 2)],
        known: Some((4, 7)),
        answers: vec![("pods", Answer { connected: true, last: Some(jiff::Timestamp::UNIX_EPOCH) })],
        kernel: Some(Counts::samples()),
        gaps: vec![("ring-full", 1)],
        unreadable: 0,
        stale: 0,
        alerts: vec![("p".to_owned(), 9)],
        delay: Some(took.clone()),
        held: 1,
        held_for: Some(took.clone()),
        expected: 3,
        planting: 4,
        misses: vec![("cwd", 5)],
        sinks: vec![health],
        sends: vec![("koney-system/prod".to_owned(), took)],
        limits: (10_000, 24),
    }
}

#[test]
fn everything_that_is_counted_is_on_the_page() {
    let page = page(facts(), Form::Open).expect("a page");
    for line in [
        "koney_attach_info{method=\"lsm\"} 1",
        "koney_ready 0",
        "koney_ready_step{step=\"pods\"} 0",
        "koney_hook_attached{hook=\"link\",method=\"lsm\"} 0",
        "koney_traps{policy=\"quote\\\"\\nname\",state=\"armed\"} 2",
        "koney_policies{validity=\"invalid\"} 2",
        "koney_cluster_connected{source=\"pods\"} 1",
        "koney_cluster_answer_timestamp_seconds{source=\"pods\"} 0.0",
        "koney_kernel_accesses_total{outcome=\"recorded\"} 9",
        "koney_kernel_skipped_calls_total 4",
        "koney_kernel_program_runs_total{hook=\"file_open\"} 2",
        "koney_kernel_program_run_seconds_total{hook=\"file_open\"} 0.5",
        "# UNIT koney_kernel_program_run_seconds seconds",
        "koney_alert_delay_seconds_bucket{le=\"1.0\"} 1",
        "koney_sink_queued_alerts{sink=\"koney-system/prod\"} 3",
        "koney_sink_configured{sink=\"koney-system/prod\"} 1",
        "koney_sink_failing{sink=\"koney-system/prod\"} 1",
        "koney_sink_alerts_total{sink=\"koney-system/prod\",outcome=\"delivered\"} 5",
        "koney_sink_sends_total{sink=\"koney-system/prod\",outcome=\"retried\"} 0",
        "koney_sink_send_duration_seconds_sum{sink=\"koney-system/prod\"} 0.5",
        "koney_sink_queue_limit_bytes 24",
        "# EOF",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not on\n{page}");
    }
    assert!(!page.contains("hunter2"), "{page}");
}

/// Of facts that hold all there is, each metric is on the page, with the labels that are declared, and no other.
#[test]
fn the_page_is_the_table() {
    for form in [Form::Open, Form::Classic] {
        let page = page(facts(), form).expect("a page");
        let series = |line: &str| line.split(['{', ' ']).next().map(str::to_owned);
        let found: BTreeSet<_> = page.lines().filter(|line| !line.starts_with('#')).filter_map(series).collect();
        let declared: BTreeSet<_> = ALL.iter().flat_map(Declared::series).collect();
        assert_eq!(found, declared, "{form:?}");
        for metric in ALL {
            let first = page.lines().find(|line| series(line) == metric.series().pop()).expect("it is on the page");
            for label in metric.labels {
                assert!(first.contains(&format!("{label}=\"")), "{first} has no {label}");
            }
        }
    }
}

#[test]
fn who_knows_only_the_older_form_gets_it() {
    assert_eq!(Form::accepted(None), Form::Open);
    assert_eq!(Form::accepted(Some("*/*")), Form::Open);
    assert_eq!(Form::accepted(Some("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")), Form::Open);
    assert_eq!(Form::accepted(Some("text/plain;version=0.0.4")), Form::Classic);
}
