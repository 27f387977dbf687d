//! Every metric, declared once: name, type, unit, labels, and what it says. `docs/metrics.md` is made from here.
//!
//! The naming rule is [`RULE`], and a test holds the table to it. A metric that is declared and written nowhere fails the build: each
//! has a constant of its own that the table does not use, so `dead_code`, denied here, finds one that nobody writes. One that is
//! written with another number of labels, or as another type, does not compile.

#![deny(dead_code)]

use std::marker::PhantomData;

/// How metrics are named, for the head of the reference.
pub const RULE: &str = "\
Names follow the conventions of Prometheus: `koney_<thing>_<unit>`, in base units (`seconds`, `bytes`) and in the plural where \
things are counted. What only grows since the agent's start ends in `_total`, moments in `_timestamp_seconds`, facts about the agent \
in `_info` with the value 1. What is either so or not is 1 or 0 under the name of what is so. Names that are not koney's own \
(`process_…`) are those that every Prometheus client has.

Labels come from the cluster (names of policies and sinks) or from this list; nothing that a process wrote becomes one. The values \
of a metric may be summed over each of its labels.
";

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from the start of the agent on.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often something took how long.
    Histogram,
    /// 1; its labels are what it says.
    Info,
}

/// A metric as it is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// As on the page; a histogram's series have endings of their own.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// `seconds` or `bytes`; others count.
    pub unit: Option<&'static str>,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence, without its full stop.
    pub help: &'static str,
    /// When it is not on the page; one without this always is.
    pub absent: Option<&'static str>,
}

/// A metric that can be written: of a type, with as many labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric<K, const LABELS: usize> {
    pub(super) declared: Declared,
    pub(super) labels: [&'static str; LABELS],
    kind: PhantomData<K>,
}

macro_rules! kinds {
    ($($kind:ident),+) => {
        $(#[derive(Clone, Copy, Debug)]
        pub(super) struct $kind;)+
    };
}
kinds!(Counter, Gauge, Histogram, Info);

macro_rules! unit {
    () => {
        None
    };
    ($unit:ident) => {
        Some(stringify!($unit))
    };
}

macro_rules! absent {
    () => {
        None
    };
    ($when:literal) => {
        Some($when)
    };
}

macro_rules! metrics {
    ($($handle:ident = $name:ident: $kind:ident $($unit:ident)? {$($label:ident),*} $help:literal $(unless $when:literal)?;)+) => {
        /// All of them, in the order of the reference.
        pub const ALL: &[Declared] = &[$(metrics!(@one $name $kind ($($unit)?) {$($label),*} $help ($($when)?)),)+];

        $(pub(super) const $handle: Metric<$kind, { <[&str]>::len(&[$(stringify!($label)),*]) }> = Metric {
            declared: metrics!(@one $name $kind ($($unit)?) {$($label),*} $help ($($when)?)),
            labels: [$(stringify!($label)),*],
            kind: PhantomData,
        };)+
    };
    (@one $name:ident $kind:ident ($($unit:ident)?) {$($label:ident),*} $help:literal ($($when:literal)?)) => {
        Declared {
            name: stringify!($name),
            kind: Kind::$kind,
            unit: unit!($($unit)?),
            labels: &[$(stringify!($label)),*],
            help: $help,
            absent: absent!($($when)?),
        }
    };
}

metrics! {
    BUILD = koney_build_info: Info {version, revision, rustc}
        "The agent that runs; `revision` is empty where the build was not told it (`KONEY_REVISION`)";
    READY = koney_ready: Gauge {} "All steps towards readiness are done";
    READY_STEP = koney_ready_step: Gauge {step} "This step towards readiness is done: attached, policies, pods, traps";

    ATTACH = koney_attach_info: Info {method} "How opens are seen: lsm, fentry, kprobe or fanotify";
    HOOK = koney_hook_attached: Gauge {hook, method}
        "A program is attached to this hook by this method; one that is not does not see what the hook is for";
    BLIND = koney_detection_blind: Gauge {} "The canary was opened and not seen: nothing is seen any more";
    GAPS = koney_coverage_gaps_total: Counter {cause}
        "How often accesses may have gone unseen or alerts may be lost, by cause (`no-agent` counts seconds)";

    TRAPS = koney_traps: Gauge {policy, state}
        "Traps of each policy on this node by their state; one that several policies want counts for each. `armed` is always there";
    POLICIES = koney_policies: Gauge {validity}
        "DeceptionPolicies: valid, partial (in force, but not as it is written now), invalid (not in force)";
    SINKS = koney_sinks: Gauge {validity} "DeceptionAlertSinks of the agent's namespace, likewise";
    PROBLEMS = koney_object_problems: Gauge {severity} "What is wrong with policies, sinks and Secrets; `koney-agent validate` names it";

    PODS = koney_pods: Gauge {} "Pods of this node that the agent knows" unless "the agent follows no cluster, or knows no pods yet";
    CONTAINERS = koney_containers: Gauge {} "Containers of this node that the agent knows, with their last instance before this one"
        unless "the agent follows no cluster, or knows no pods yet";
    CONNECTED = koney_cluster_connected: Gauge {source}
        "The last question to the API server (policies, sinks, secrets, pods) or the kubelet (pods) was answered"
        unless "the agent follows no cluster, or has asked nobody yet";
    ANSWERED = koney_cluster_answer_timestamp_seconds: Gauge seconds {source}
        "When the API server or the kubelet answered last; a watch is silent while nothing changes"
        unless "the agent follows no cluster, or nobody has answered yet";

    ACCESSES = koney_kernel_accesses_total: Counter {outcome}
        "Touches of armed files that the programs saw: recorded, throttled, folded, slotted (kept in few words), dropped"
        unless "fanotify keeps watch, which does not count";
    CANDIDATES = koney_kernel_candidates_total: Counter {outcome}
        "Touches of files that only have a decoy's name: recorded, throttled, folded, dropped"
        unless "fanotify keeps watch, which does not count";
    NESTED = koney_kernel_nested_accesses_total: Counter {} "Opens and changes of overlays behind what is already recorded"
        unless "fanotify keeps watch, which does not count";
    REFUSED = koney_kernel_refused_opens_total: Counter {} "Opens by a decoy's name that are known to be of no decoy"
        unless "fanotify keeps watch, which does not count";
    ARMED_KEYS = koney_kernel_armed_keys_total: Counter {outcome} "Keys of decoys that arming threads entered, or could not (failed)"
        unless "fanotify keeps watch, which does not count";
    CANARY = koney_kernel_canary_opens_total: Counter {} "Opens of the agent's own canary that the programs saw"
        unless "fanotify keeps watch, which does not count";
    SKIPPED = koney_kernel_skipped_calls_total: Counter {} "Calls of the programs that the kernel skipped"
        unless "fanotify keeps watch, or the kernel does not count them (before 5.12)";
    PROGRAM_RUNS = koney_kernel_program_runs_total: Counter {hook} "How often the program of a hook ran since it was loaded"
        unless "fanotify keeps watch, or the kernel does not count (`sysctl kernel.bpf_stats_enabled=1`)";
    PROGRAM_SECONDS = koney_kernel_program_run_seconds_total: Counter seconds {hook} "Time that the program of a hook took since it was loaded"
        unless "fanotify keeps watch, or the kernel does not count (`sysctl kernel.bpf_stats_enabled=1`)";

    UNREADABLE = koney_unreadable_records_total: Counter {} "Records that the agent could not read: a bug";
    STALE = koney_stale_records_total: Counter {} "Touches of files that were no trap any more when their record was read";
    ALERTS = koney_alerts_total: Counter {policy} "Alerts of accesses, by policy; repeats that were only counted are left out";
    DELAY = koney_alert_delay_seconds: Histogram seconds {} "From the access to its alert's being handed to the sinks' queues";
    HELD = koney_held_accesses: Gauge {} "Accesses that are held until it is known whose they are";
    HELD_SECONDS = koney_held_seconds: Histogram seconds {} "How long accesses were held until it was known whose they are";
    EXPECTED = koney_expected_accesses_total: Counter {} "Accesses by expected readers and kubelets, which are not alerted";
    PLANTING = koney_planting_accesses_total: Counter {} "Accesses by which Koney planted a decoy, which are not alerted";
    MISSES = koney_enrichment_misses_total: Counter {kind}
        "Alerts that lack something: container (its pod is unknown), process, executable, arguments, cwd, parent";

    CONFIGURED = koney_sink_configured: Gauge {sink} "The sink has all it needs to send";
    FAILING = koney_sink_failing: Gauge {sink} "The sink's last attempt failed, or its newest configuration is not in use";
    IN_MEMORY = koney_sink_in_memory: Gauge {sink} "Alerts that wait for the sink are in memory, where a kill loses them";
    QUEUED = koney_sink_queued_alerts: Gauge {sink} "Alerts that wait for their sink";
    QUEUE_BYTES = koney_sink_queue_bytes: Gauge bytes {sink} "Their bytes";
    OLDEST = koney_sink_oldest_alert_timestamp_seconds: Gauge seconds {sink} "When the oldest alert that waits happened"
        unless "nothing waits";
    LIMIT = koney_sink_queue_limit_alerts: Gauge {} "Alerts that one queue holds; from half of it on, repeats are only counted";
    LIMIT_BYTES = koney_sink_queue_limit_bytes: Gauge bytes {} "Bytes that one queue holds; from half of it on, repeats are only counted";
    DEAD = koney_sink_dead_letters: Gauge {sink} "Alerts that the sink will never take, and that are kept";
    SINK_ALERTS = koney_sink_alerts_total: Counter {sink, outcome}
        "What became of alerts: delivered, rejected (dead letters), counted (part of another alert), dropped (lost)";
    SENDS = koney_sink_sends_total: Counter {sink, outcome}
        "Attempts to send a batch: accepted, rejected (some of it for good), split (refused together, or too large), retried, \
         blocked (a person has to mend something)";
    SEND_SECONDS = koney_sink_send_duration_seconds: Histogram seconds {sink} "How long attempts to send took";
    SUCCESS = koney_sink_last_success_timestamp_seconds: Gauge seconds {sink} "When the sink last took an alert"
        unless "it has taken none since the agent's start";

    PROCESS_MEMORY = process_resident_memory_bytes: Gauge bytes {} "Memory of the agent that is resident";
    PROCESS_CPU = process_cpu_seconds_total: Counter seconds {} "Processor time of the agent";
    PROCESS_START = process_start_time_seconds: Gauge seconds {} "When the agent was started";
    PROCESS_FDS = process_open_fds: Gauge {} "Descriptors that the agent has open";
    PROCESS_MAX_FDS = process_max_fds: Gauge {} "Descriptors that the agent may have open" unless "there is no limit";
}

impl Declared {
    /// Its name without what the encoding adds by itself.
    pub(super) fn base(&self) -> &'static str {
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        let name = self.name.strip_suffix(ending).unwrap_or(self.name);
        self.unit.and_then(|unit| name.strip_suffix(unit)?.strip_suffix('_')).unwrap_or(name)
    }

    /// The names of its series on the page.
    #[must_use]
    pub fn series(&self) -> Vec<String> {
        match self.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"].map(|ending| format!("{}{ending}", self.name)).to_vec(),
            _ => vec![self.name.to_owned()],
        }
    }
}

impl Kind {
    /// In the reference.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_follows_the_rule() {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && !text.contains("__");
        let mut seen = BTreeSet::new();
        for Declared { name, kind, unit, labels, help, absent } in ALL {
            assert!(seen.insert(name), "{name} is declared twice");
            assert!(plain(name) && (name.starts_with("koney_") || name.starts_with("process_")), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_info"), *kind == Kind::Info, "{name}");
            let thing = name.strip_suffix("_total").unwrap_or(name);
            for base in ["seconds", "bytes"] {
                assert_eq!(thing.ends_with(&format!("_{base}")), *unit == Some(base), "{name}");
            }
            assert!(unit.is_none_or(|unit| ["seconds", "bytes"].contains(&unit)), "{name}");
            assert!(*kind != Kind::Histogram || *unit == Some("seconds"), "{name}");
            for label in *labels {
                assert!(plain(label) && !["le", "job", "instance", "quantile"].contains(label), "{name} {label}");
            }
            for text in [Some(help), absent.as_ref()].into_iter().flatten() {
                assert!(
                    !text.is_empty() && !text.ends_with('.') && !text.contains('\n') && !text.contains('|'),
                    "{name}: {text}"
                );
            }
        }
    }

    #[test]
    fn the_encoding_gives_the_names_back() {
        let base = |name| ALL.iter().find(|metric| metric.name == name).map(Declared::base);
        assert_eq!(base("koney_kernel_program_run_seconds_total"), Some("koney_kernel_program_run"));
        assert_eq!(base("koney_build_info"), Some("koney_build"));
        assert_eq!(base("koney_sink_queue_bytes"), Some("koney_sink_queue"));
        assert_eq!(base("koney_ready"), Some("koney_ready"));
    }
}
