//! Against the stream: from manifests to sinks and armed traps.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::info;

use super::Shared;
use crate::{
    cluster::{Policy, SecretState, Severity, Sink, Snapshot},
    kernel::Armer,
    sink::{ConfigError, SinkConfig, SinkId, Target, dynatrace},
    trap::Wanted,
};

/// Between two looks at every decoy: one that is planted or replaced is armed within this time.
const RESCAN: Duration = Duration::from_secs(5);

pub(super) async fn run(shared: Arc<Shared>, mut snapshots: watch::Receiver<Arc<Snapshot>>, armer: Armer) {
    let mut rescan = interval(RESCAN);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
    snapshots.mark_changed();
    let mut told = None;
    loop {
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return;
                }
                let snapshot = Arc::clone(&snapshots.borrow_and_update());
                // Sinks first: an access to a trap that is armed now must find them.
                shared.sinks.reconcile(snapshot.sinks.iter().map(sink).collect());
                let loose = shared.table().want(snapshot.policies.iter().flat_map(wanted));
                armer.disarm(&loose);
            }
            _ = rescan.tick() => {}
        }
        arm(&shared, &armer).await;
        let now = shared.table().armed_of();
        if told.replace(now) != Some(now) {
            info!(armed = now.0, traps = now.1, "traps");
        }
    }
}

async fn arm(shared: &Shared, armer: &Armer) {
    let jobs = shared.table().jobs();
    let outcomes = armer.arm(jobs.clone()).await;
    let mut table = shared.table();
    let loose: Vec<_> = jobs.iter().zip(outcomes).flat_map(|(job, outcome)| table.settle(job, outcome)).collect();
    armer.disarm(&loose);
}

fn wanted(policy: &Policy) -> impl Iterator<Item = Wanted> + '_ {
    let watched = policy.traps.iter().filter(|trap| trap.watched);
    watched.map(|trap| Wanted { policy: policy.name.clone(), file_path: trap.file_path.clone() })
}

fn sink(sink: &Sink) -> SinkConfig {
    let id = SinkId::new(&sink.namespace, &sink.name);
    let target = target(&id, sink);
    SinkConfig { id, target }
}

fn target(id: &SinkId, sink: &Sink) -> Result<Target, ConfigError> {
    let Some(spec) = &sink.spec.dynatrace else { return Err(ConfigError::NoReceiver { sink: id.clone() }) };
    let secret = match &sink.secret {
        SecretState::Found(secret) => secret,
        SecretState::Missing(name) => return Err(ConfigError::SecretMissing { sink: id.clone(), secret: name.clone() }),
    };
    let resource =
        dynatrace::Resource { sink: id, secret: &secret.name, severity: severity(spec.severity), allow_http: spec.allow_http };
    dynatrace::Config::new(resource, |key| secret.get(key).map(secrecy::ExposeSecret::expose_secret)).map(Target::Dynatrace)
}

const fn severity(severity: Severity) -> dynatrace::Severity {
    match severity {
        Severity::Critical => dynatrace::Severity::Critical,
        Severity::High => dynatrace::Severity::High,
        Severity::Medium => dynatrace::Severity::Medium,
        Severity::Low => dynatrace::Severity::Low,
    }
}
