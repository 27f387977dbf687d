//! Against the stream: from manifests to sinks and armed traps.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::info;

use super::Shared;
use crate::{
    cluster::{Policy, SecretState, Severity, Sink, Snapshot},
    kernel::{ArmPool, Job, Outcome},
    sink::{ConfigError, SinkConfig, SinkId, Target, dynatrace},
    trap::Wanted,
};

/// Between two looks at every decoy: one that is planted or replaced is armed within this time.
const RESCAN: Duration = Duration::from_secs(5);

/// A look at every decoy, under way.
type Round = Pin<Box<dyn Future<Output = Vec<(Job, Outcome)>> + Send>>;

pub(super) async fn run(shared: Arc<Shared>, mut snapshots: watch::Receiver<Arc<Snapshot>>, pool: ArmPool) {
    let mut control = Control { shared, pool, round: None, told: None };
    let mut rescan = interval(RESCAN);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
    snapshots.mark_changed();
    loop {
        // Decoys that hang hold up their round, and nothing else.
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return;
                }
                let snapshot = Arc::clone(&snapshots.borrow_and_update());
                control.apply(&snapshot);
            }
            outcomes = async { control.round.as_mut().expect("the branch is taken only with a round").await }, if control.round.is_some() => {
                control.settle(outcomes);
            }
            _ = rescan.tick() => control.look(),
        }
    }
}

struct Control {
    shared: Arc<Shared>,
    pool: ArmPool,
    round: Option<Round>,
    told: Option<(usize, usize)>,
}

impl Control {
    fn apply(&mut self, snapshot: &Snapshot) {
        // Sinks first: an access to a trap that is armed now must find them.
        self.shared.sinks.reconcile(snapshot.sinks.iter().map(sink).collect());
        self.shared.table().want(snapshot.policies.iter().flat_map(wanted));
        self.disarm();
        // A round under way knows nothing of the new traps, which need not wait for the one behind it.
        self.round = None;
        self.look();
    }

    fn look(&mut self) {
        if self.round.is_some() {
            return;
        }
        let (jobs, pool) = (self.shared.table().jobs(), self.pool.clone());
        self.round = Some(Box::pin(async move {
            let outcomes = pool.arm(jobs.clone()).await;
            jobs.into_iter().zip(outcomes).collect()
        }));
    }

    fn settle(&mut self, outcomes: Vec<(Job, Outcome)>) {
        self.round = None;
        let now = {
            let mut table = self.shared.table();
            for (job, outcome) in outcomes {
                table.settle(&job, outcome);
            }
            table.armed_of()
        };
        self.disarm();
        if self.told.replace(now) != Some(now) {
            info!(armed = now.0, traps = now.1, "traps");
        }
    }

    /// Under the table's lock: a key must not find a holder between the question and the removal.
    fn disarm(&self) {
        let mut table = self.shared.table();
        self.pool.disarm(&table.orphaned());
    }
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
