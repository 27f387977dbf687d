//! From facts to rows. Each metric is written once, in the order of the table.

use std::fmt;

use koney_common::Counter as Counted;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric as _, MetricEncoder, NoLabelSet},
    metrics::{MetricType, histogram},
    registry::Unit,
};

use super::{
    Facts,
    names::{self, Counter, Gauge, Histogram, Info, Metric},
    process::{Own, precise},
};
use crate::{kernel::Hook, sink};

/// What the programs did with a touch of an armed file; together all that they saw.
const OUTCOMES: [(&str, Counted); 5] = [
    ("recorded", Counted::Emitted),
    ("throttled", Counted::Throttled),
    ("folded", Counted::Folded),
    ("slotted", Counted::Slotted),
    ("dropped", Counted::Dropped),
];
/// The same for what only has a decoy's name.
const OF_CANDIDATES: [(&str, Counted); 4] = [
    ("recorded", Counted::CandidatesEmitted),
    ("throttled", Counted::CandidatesThrottled),
    ("folded", Counted::CandidatesFolded),
    ("dropped", Counted::CandidatesDropped),
];

impl Collector for Facts {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut rows = Rows(encoder);
        self.agent(&mut rows)?;
        self.watched(&mut rows)?;
        self.cluster(&mut rows)?;
        self.kernel(&mut rows)?;
        self.stream(&mut rows)?;
        sinks(&mut rows, &self.sinks)?;
        rows.gauge(&names::LIMIT, one(self.limits.0))?;
        rows.gauge(&names::LIMIT_BYTES, one(self.limits.1))?;
        rows.histogram(&names::SEND_SECONDS, self.sends.iter().map(|(sink, took)| ([sink.as_str()], took)))?;
        own(&mut rows, Own::read())
    }
}

impl Facts {
    fn agent(&self, rows: &mut Rows<'_>) -> fmt::Result {
        rows.info(
            &names::BUILD,
            [env!("CARGO_PKG_VERSION"), option_env!("KONEY_REVISION").unwrap_or_default(), env!("KONEY_RUSTC")],
        )?;
        rows.gauge(&names::READY, one(i64::from(self.steps.iter().all(|(_, done)| *done))))?;
        rows.gauge(&names::READY_STEP, self.steps.iter().map(|(step, done)| ([*step], i64::from(*done))))?;
        rows.info(&names::ATTACH, [self.method])?;
        rows.gauge(&names::HOOK, self.hooks.iter().map(|(hook, by, attached)| ([*hook, *by], i64::from(*attached))))?;
        rows.gauge(&names::BLIND, one(i64::from(self.blind)))?;
        rows.counter(&names::GAPS, self.gaps.iter().map(|(cause, count)| ([*cause], *count)))
    }

    fn watched(&self, rows: &mut Rows<'_>) -> fmt::Result {
        rows.gauge(&names::TRAPS, self.traps.iter().map(|(policy, state, count)| ([policy.as_str(), *state], *count)))?;
        rows.gauge(&names::POLICIES, self.policies.rows())?;
        rows.gauge(&names::SINKS, self.sink_objects.rows())?;
        rows.gauge(&names::PROBLEMS, self.problems.iter().map(|(severity, count)| ([*severity], *count)))
    }

    fn cluster(&self, rows: &mut Rows<'_>) -> fmt::Result {
        rows.gauge(&names::PODS, self.known.map(|(pods, _)| ([], pods)))?;
        rows.gauge(&names::CONTAINERS, self.known.map(|(_, containers)| ([], containers)))?;
        rows.gauge(&names::CONNECTED, self.answers.iter().map(|(source, answer)| ([*source], i64::from(answer.connected))))?;
        let answered = |(source, answer): &(&'static str, crate::cluster::Answer)| Some(([*source], moment(answer.last?)));
        rows.gauge(&names::ANSWERED, self.answers.iter().filter_map(answered))
    }

    fn kernel(&self, rows: &mut Rows<'_>) -> fmt::Result {
        let Some(counts) = &self.kernel else { return Ok(()) };
        let count = |counter| one(counts.get(counter));
        rows.counter(&names::ACCESSES, OUTCOMES.iter().map(|(outcome, counter)| ([*outcome], counts.get(*counter))))?;
        rows.counter(&names::CANDIDATES, OF_CANDIDATES.iter().map(|(outcome, counter)| ([*outcome], counts.get(*counter))))?;
        rows.counter(&names::NESTED, count(Counted::Nested))?;
        rows.counter(&names::REFUSED, count(Counted::Negative))?;
        let keys = [("entered", Counted::Armed), ("failed", Counted::ArmFailed)];
        rows.counter(&names::ARMED_KEYS, keys.iter().map(|(outcome, counter)| ([*outcome], counts.get(*counter))))?;
        rows.counter(&names::CANARY, count(Counted::Canary))?;
        rows.counter(&names::SKIPPED, counts.missed.map(|missed| ([], missed)))?;
        let runs = || Hook::ALL.iter().filter_map(|hook| Some((hook.name(), counts.run(*hook)?)));
        rows.counter(&names::PROGRAM_RUNS, runs().map(|(hook, run)| ([hook], run.count)))?;
        rows.counter(&names::PROGRAM_SECONDS, runs().map(|(hook, run)| ([hook], precise(run.nanoseconds) / 1e9)))
    }

    fn stream(&self, rows: &mut Rows<'_>) -> fmt::Result {
        rows.counter(&names::UNREADABLE, one(self.unreadable))?;
        rows.counter(&names::STALE, one(self.stale))?;
        rows.counter(&names::ALERTS, self.alerts.iter().map(|(policy, count)| ([policy.as_str()], *count)))?;
        rows.histogram(&names::DELAY, self.delay.iter().map(|took| ([], took)))?;
        rows.gauge(&names::HELD, one(self.held))?;
        rows.histogram(&names::HELD_SECONDS, self.held_for.iter().map(|took| ([], took)))?;
        rows.counter(&names::EXPECTED, one(self.expected))?;
        rows.counter(&names::PLANTING, one(self.planting))?;
        rows.counter(&names::MISSES, self.misses.iter().map(|(kind, count)| ([*kind], *count)))
    }
}

fn sinks(rows: &mut Rows<'_>, healths: &[sink::Health]) -> fmt::Result {
    let names: Vec<_> = healths.iter().map(|health| health.id.to_string()).collect();
    let each = || names.iter().map(String::as_str).zip(healths);
    rows.gauge(&names::CONFIGURED, each().map(|(sink, health)| ([sink], i64::from(health.configured))))?;
    rows.gauge(&names::FAILING, each().map(|(sink, health)| ([sink], i64::from(health.last_error.is_some()))))?;
    rows.gauge(&names::IN_MEMORY, each().map(|(sink, health)| ([sink], i64::from(health.volatile.is_some()))))?;
    rows.gauge(&names::QUEUED, each().map(|(sink, health)| ([sink], count(health.queued))))?;
    rows.gauge(&names::QUEUE_BYTES, each().map(|(sink, health)| ([sink], count(health.bytes))))?;
    rows.gauge(&names::OLDEST, each().filter_map(|(sink, health)| Some(([sink], moment(health.oldest?)))))?;
    rows.gauge(&names::DEAD, each().map(|(sink, health)| ([sink], count(health.dead_letters))))?;
    let alerts = each().flat_map(|(sink, health)| {
        let outcomes = [
            ("delivered", health.delivered),
            ("rejected", health.rejected),
            ("counted", health.counted),
            ("dropped", health.dropped),
        ];
        outcomes.map(|(outcome, count)| ([sink, outcome], count))
    });
    rows.counter(&names::SINK_ALERTS, alerts)?;
    let sends = each().flat_map(|(sink, health)| health.sends.rows().map(move |(outcome, count)| ([sink, outcome], count)));
    rows.counter(&names::SENDS, sends)?;
    rows.gauge(&names::SUCCESS, each().filter_map(|(sink, health)| Some(([sink], moment(health.last_success?)))))
}

fn own(rows: &mut Rows<'_>, own: Own) -> fmt::Result {
    rows.gauge(&names::PROCESS_MEMORY, own.resident_bytes.map(|bytes| ([], bytes)))?;
    rows.counter(&names::PROCESS_CPU, own.cpu_seconds.map(|seconds| ([], seconds)))?;
    rows.gauge(&names::PROCESS_START, own.started.map(|started| ([], started)))?;
    rows.gauge(&names::PROCESS_FDS, own.descriptors.map(|count| ([], count)))?;
    rows.gauge(&names::PROCESS_MAX_FDS, own.most_descriptors.map(|count| ([], count)))
}

/// The row of a metric without labels.
fn one<V>(value: V) -> [([&'static str; 0], V); 1] {
    [([], value)]
}

fn count(count: usize) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
}

/// To the millisecond.
#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact in a float for 285,000 years")]
fn moment(time: jiff::Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}

/// Where rows go. A metric without any is not on the page.
struct Rows<'e>(DescriptorEncoder<'e>);

impl Rows<'_> {
    fn counter<'r, V: EncodeCounterValue, const L: usize>(
        &mut self,
        metric: &Metric<Counter, L>,
        rows: impl IntoIterator<Item = ([&'r str; L], V)>,
    ) -> fmt::Result {
        self.write(metric, MetricType::Counter, rows, |mut row, value| row.encode_counter::<NoLabelSet, _, f64>(&value, None))
    }

    fn gauge<'r, V: EncodeGaugeValue, const L: usize>(
        &mut self,
        metric: &Metric<Gauge, L>,
        rows: impl IntoIterator<Item = ([&'r str; L], V)>,
    ) -> fmt::Result {
        self.write(metric, MetricType::Gauge, rows, |mut row, value| row.encode_gauge(&value))
    }

    fn histogram<'r, const L: usize>(
        &mut self,
        metric: &Metric<Histogram, L>,
        rows: impl IntoIterator<Item = ([&'r str; L], &'r histogram::Histogram)>,
    ) -> fmt::Result {
        self.write(metric, MetricType::Histogram, rows, |row, histogram| histogram.encode(row))
    }

    fn info<const L: usize>(&mut self, metric: &Metric<Info, L>, values: [&str; L]) -> fmt::Result {
        let declared = &metric.declared;
        let labels: Vec<_> = metric.labels.into_iter().zip(values).collect();
        self.0.encode_descriptor(declared.base(), declared.help, None, MetricType::Info)?.encode_info(&labels)
    }

    fn write<'r, K, V, const L: usize>(
        &mut self,
        metric: &Metric<K, L>,
        kind: MetricType,
        rows: impl IntoIterator<Item = ([&'r str; L], V)>,
        encode: impl Fn(MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let declared = &metric.declared;
        let unit = match declared.unit {
            Some("seconds") => Some(Unit::Seconds),
            Some("bytes") => Some(Unit::Bytes),
            _ => None,
        };
        let mut encoder = self.0.encode_descriptor(declared.base(), declared.help, unit.as_ref(), kind)?;
        for (values, value) in rows {
            if L == 0 {
                // One row: `{}` is no label set.
                return encode(encoder, value);
            }
            let labels: Vec<_> = metric.labels.into_iter().zip(values).collect();
            encode(encoder.encode_family(&labels)?, value)?;
        }
        Ok(())
    }
}
