//! What was counted, as OpenMetrics text. Names are `koney_<thing>_<unit>`; what only grows ends in `_total`.

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::sink;

/// What is counted, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How records come: `lsm`, `fentry`, `kprobe` or `fanotify`; empty before any does.
    pub method: &'static str,
    /// Traps by the first word of their state.
    pub traps: Vec<(&'static str, u64)>,
    /// The kernel programs' own counters since they were loaded.
    pub kernel: Vec<(&'static str, u64)>,
    /// Calls of the programs that the kernel skipped, where it counts them.
    pub skipped: Option<u64>,
    /// Every sink.
    pub sinks: Vec<sink::Health>,
    /// What has to be done before the agent is ready, and whether it is.
    pub steps: Vec<(&'static str, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sink {
    sink: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    sink: String,
    outcome: &'static str,
}

/// The page of `/metrics`.
pub(super) fn page(facts: &Facts) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("koney");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The agent that runs", build);
    let method = Info::new([("method", facts.method)]);
    registry.register("attach", "How accesses are seen", method);

    let steps = gauges(&mut registry, "ready", "Steps towards readiness that are done");
    for (step, done) in &facts.steps {
        steps.get_or_create(&State { state: step }).set(i64::from(*done));
    }
    let traps = gauges(&mut registry, "traps", "Traps of this node by their state");
    for (state, count) in &facts.traps {
        traps.get_or_create(&State { state }).set(gauge(*count));
    }
    let kernel = Family::<Kind, Counter>::default();
    registry.register("kernel_records", "What the kernel programs did with what they saw", kernel.clone());
    for (kind, count) in &facts.kernel {
        kernel.get_or_create(&Kind { kind }).inc_by(*count);
    }
    if let Some(count) = facts.skipped {
        let skipped: Counter = Counter::default();
        skipped.inc_by(count);
        registry.register("kernel_skipped", "Calls of the programs that the kernel skipped", skipped);
    }
    sinks(&mut registry, &facts.sinks);
    let mut page = String::new();
    encode(&mut page, &registry)?;
    Ok(page)
}

fn sinks(registry: &mut Registry, healths: &[sink::Health]) {
    let queued = Family::<Sink, Gauge>::default();
    registry.register("sink_queued_alerts", "Alerts that wait for their sink", queued.clone());
    let configured = Family::<Sink, Gauge>::default();
    registry.register("sink_configured", "1 where the sink has all it needs to send", configured.clone());
    let dead = Family::<Sink, Gauge>::default();
    registry.register("sink_dead_letters", "Alerts that the sink will never take, and that are kept", dead.clone());
    let volatile = Family::<Sink, Gauge>::default();
    registry.register("sink_in_memory", "1 where alerts that wait are in memory only", volatile.clone());
    let oldest = Family::<Sink, Gauge>::default();
    registry.register("sink_oldest_alert_timestamp_seconds", "When the oldest alert that waits happened", oldest.clone());
    let alerts = Family::<Outcome, Counter>::default();
    registry.register("sink_alerts", "What became of alerts, and attempts that failed and are repeated", alerts.clone());
    for health in healths {
        let sink = health.id.to_string();
        queued.get_or_create(&Sink { sink: sink.clone() }).set(gauge(health.queued));
        configured.get_or_create(&Sink { sink: sink.clone() }).set(i64::from(health.configured));
        dead.get_or_create(&Sink { sink: sink.clone() }).set(gauge(health.dead_letters));
        volatile.get_or_create(&Sink { sink: sink.clone() }).set(i64::from(health.volatile.is_some()));
        if let Some(time) = health.oldest {
            oldest.get_or_create(&Sink { sink: sink.clone() }).set(time.as_second());
        }
        let outcomes = [
            ("counted", health.counted),
            ("delivered", health.delivered),
            ("rejected", health.rejected),
            ("dropped", health.dropped),
            ("retried", health.retried),
        ];
        for (outcome, count) in outcomes {
            alerts.get_or_create(&Outcome { sink: sink.clone(), outcome }).inc_by(count);
        }
    }
}

fn gauges(registry: &mut Registry, name: &str, help: &str) -> Family<State, Gauge> {
    let family = Family::<State, Gauge>::default();
    registry.register(name, help, family.clone());
    family
}

fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SinkId;

    #[test]
    fn everything_that_is_counted_is_on_the_page() {
        let health = sink::Health {
            configured: true,
            queued: 3,
            delivered: 5,
            rejected: 0,
            dropped: 1,
            retried: 7,
            last_error: Some("\"\nsecret".to_owned()),
            ..sink::Health::new(SinkId::new("koney-system", "prod"))
        };
        let facts = Facts {
            method: "lsm",
            traps: vec![("armed", 2)],
            kernel: vec![("seen", 9)],
            skipped: Some(4),
            sinks: vec![health],
            steps: vec![("pods", false)],
        };
        let page = page(&facts).expect("a page");
        for line in [
            "koney_attach_info{method=\"lsm\"} 1",
            "koney_ready{state=\"pods\"} 0",
            "koney_traps{state=\"armed\"} 2",
            "koney_kernel_records_total{kind=\"seen\"} 9",
            "koney_kernel_skipped_total 4",
            "koney_sink_queued_alerts{sink=\"koney-system/prod\"} 3",
            "koney_sink_configured{sink=\"koney-system/prod\"} 1",
            "koney_sink_alerts_total{sink=\"koney-system/prod\",outcome=\"delivered\"} 5",
            "koney_sink_alerts_total{sink=\"koney-system/prod\",outcome=\"retried\"} 7",
            "# EOF",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not on\n{page}");
        }
        assert!(!page.contains("secret"), "{page}");
    }
}
