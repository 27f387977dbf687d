//! Against the stream: from manifests to sinks and armed traps.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info};

use super::Shared;
use crate::{
    cluster::{Policy, SecretState, Severity, Sink, Snapshot},
    kernel::{ArmPool, Job, Outcome},
    sink::{ConfigError, SinkConfig, SinkId, Target, dynatrace},
    trap::{Place, Wanted},
};

/// Between two looks at every decoy: one that is planted or replaced is armed within this time.
const RESCAN: Duration = Duration::from_secs(5);

/// A look at every decoy, under way.
type Round = Pin<Box<dyn Future<Output = (u64, Vec<(Job, Outcome)>)> + Send>>;

pub(super) async fn run(shared: Arc<Shared>, mut snapshots: watch::Receiver<Arc<Snapshot>>, pool: ArmPool) {
    let mut control = Control { shared: Arc::clone(&shared), pool, round: None, again: false, told: None };
    let mut rescan = interval(RESCAN);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Before any look: what earlier agents have left is told after the first one, of the traps that it has found.
    let first = Arc::clone(&snapshots.borrow_and_update());
    control.apply(&first);
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
            (number, outcomes) = async { control.round.as_mut().expect("the branch is taken only with a round").await }, if control.round.is_some() => {
                control.settle(number, outcomes);
            }
            () = shared.look.notified() => control.look_now(),
            _ = rescan.tick() => control.look(),
        }
    }
}

struct Control {
    shared: Arc<Shared>,
    pool: ArmPool,
    round: Option<Round>,
    /// A look was asked for while one was under way, which may have passed by what it was asked for.
    again: bool,
    told: Option<(usize, usize)>,
}

impl Control {
    fn apply(&mut self, snapshot: &Snapshot) {
        // Sinks first: an access to a trap that is armed now must find them.
        self.shared.sinks.reconcile(snapshot.sinks.iter().map(sink).collect());
        self.shared.table().want(snapshot.policies.iter().flat_map(wanted));
        // Names before files: what appears while the decoys are looked at is then told by its name.
        self.name();
        self.disarm();
        // A round under way knows nothing of the new traps, which need not wait for the one behind it.
        self.round = None;
        self.look();
    }

    fn look(&mut self) {
        if self.round.is_some() {
            return;
        }
        let (number, jobs) = {
            let mut table = self.shared.table();
            (table.begin_round(), table.jobs())
        };
        let pool = self.pool.clone();
        self.round = Some(Box::pin(async move {
            let outcomes = pool.arm(jobs.clone()).await;
            (number, jobs.into_iter().zip(outcomes).collect())
        }));
    }

    fn look_now(&mut self) {
        self.again = self.round.is_some();
        self.look();
    }

    fn settle(&mut self, number: u64, outcomes: Vec<(Job, Outcome)>) {
        self.round = None;
        let (now, fresh) = {
            let mut table = self.shared.table();
            for (job, outcome) in outcomes {
                if let Some(key) = self.pool.root(job.root) {
                    table.know_root(job.root, key);
                }
                table.settle(&job, outcome);
            }
            table.end_round(number);
            (table.armed_of(), table.fresh())
        };
        if !fresh.is_empty() {
            self.shared.search(fresh);
        }
        self.disarm();
        self.name();
        self.shared.looked.notify_one();
        if std::mem::take(&mut self.again) {
            self.look();
        }
        if self.told.replace(now) != Some(now) {
            info!(armed = now.0, traps = now.1, "traps");
        }
    }

    fn name(&self) {
        let names = self.shared.table().names();
        if let Err(error) = self.pool.name(&names) {
            error!(%error, "the kernel does not take the decoys' names: one that is made anew is seen only when it was looked at");
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
    watched.map(|trap| Wanted {
        place: Place::Host,
        policy: policy.name.clone(),
        file_path: trap.file_path.clone(),
        denied: policy.denied,
    })
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
