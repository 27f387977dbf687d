//! Against the stream: from manifests to sinks and armed traps.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info};

use super::{Shared, containers::Containers, receivers};
use crate::{
    admin::Step,
    cluster::{Policy, Snapshot, pods::Pods},
    kernel::{ArmPool, Job, Outcome, memory},
    trap::{Place, Wanted},
};

/// Between two looks at every decoy: one that is planted or replaced is armed within this time.
const RESCAN: Duration = Duration::from_secs(5);

/// So many looks after one another, what was freed is given back: a flood may have passed.
const ROUNDS_TO_TRIM: u64 = 12;

/// A look at every decoy, under way.
type Round = Pin<Box<dyn Future<Output = Looked> + Send>>;

/// What came of a look at every decoy.
struct Looked {
    number: u64,
    jobs: Arc<[Job]>,
    outcomes: Vec<Outcome>,
}

/// What is to be watched, and where.
pub(super) struct Inputs {
    /// Policies, sinks and Secrets.
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The pods of this node, as soon as they are known; nobody's where there is no cluster.
    pub(super) pods: Option<watch::Receiver<Option<Arc<Pods>>>>,
}

impl Inputs {
    /// Waits for a change; false where there will be none any more.
    async fn changed(&mut self) -> bool {
        let Self { snapshots, pods } = self;
        let pods = async {
            match pods {
                Some(pods) => pods.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = snapshots.changed() => changed.is_ok(),
            changed = pods => changed.is_ok(),
        }
    }
}

pub(super) async fn run(shared: Arc<Shared>, mut inputs: Inputs, pool: ArmPool) {
    let containers = inputs.pods.as_ref().map(|_| Containers::default());
    let mut control = Control { shared: Arc::clone(&shared), pool, containers, round: None, again: false, told: None };
    let mut rescan = interval(RESCAN);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
    inputs.known().await;
    // Before any look: what earlier agents have left is told after the first one, of the traps that it has found.
    control.apply(&mut inputs);
    loop {
        // Decoys that hang hold up their round, and nothing else.
        tokio::select! {
            changed = inputs.changed() => {
                if !changed {
                    return;
                }
                control.apply(&mut inputs);
            }
            looked = async { control.round.as_mut().expect("the branch is taken only with a round").await }, if control.round.is_some() => {
                control.settle(looked);
            }
            () = shared.look.notified() => {
                control.follow(&inputs);
                control.look_now();
            }
            _ = rescan.tick() => {
                control.follow(&inputs);
                control.look();
            }
        }
    }
}

struct Control {
    shared: Arc<Shared>,
    pool: ArmPool,
    /// Whose root directories the traps are in; the host's own where there is no cluster.
    containers: Option<Containers>,
    round: Option<Round>,
    /// A look was asked for while one was under way, which may have passed by what it was asked for.
    again: bool,
    told: Option<(usize, usize)>,
}

impl Control {
    fn apply(&mut self, inputs: &mut Inputs) {
        let snapshot = Arc::clone(&inputs.snapshots.borrow_and_update());
        self.shared.health.done(Step::Policies);
        if let Some(pods) = &mut inputs.pods {
            pods.mark_unchanged();
        }
        // Sinks first: an access to a trap that is armed now must find them.
        self.shared.sinks.reconcile(snapshot.sinks.iter().map(receivers::sink).collect());
        self.shared.enforce(&snapshot);
        if self.containers.is_some() {
            self.follow(inputs);
        } else {
            self.shared.health.done(Step::Pods);
            self.shared.table().want(snapshot.policies.iter().flat_map(wanted));
        }
        // Names before files: what appears while the decoys are looked at is then told by its name.
        self.name();
        self.disarm();
        // A round under way knows nothing of the new traps, which need not wait for the one behind it.
        self.round = None;
        self.look();
    }

    /// Containers start and end whether or not anybody tells.
    fn follow(&mut self, inputs: &Inputs) {
        let (Some(containers), Some(pods)) = (&mut self.containers, &inputs.pods) else { return };
        let (snapshot, pods) = (Arc::clone(&inputs.snapshots.borrow()), pods.borrow().clone());
        if pods.is_some() {
            self.shared.health.done(Step::Pods);
        }
        let planned = containers.follow(&snapshot, pods.as_ref());
        let mut table = self.shared.table();
        match planned {
            Some((wanted, around)) => {
                table.surround(around);
                table.want(wanted);
            }
            None => table.let_go(),
        }
        self.pool.disarm(&table.orphaned());
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
            let jobs: Arc<[Job]> = jobs.into();
            Looked { number, outcomes: pool.arm(Arc::clone(&jobs)).await, jobs }
        }));
    }

    fn look_now(&mut self) {
        self.again = self.round.is_some();
        self.look();
    }

    fn settle(&mut self, Looked { number, jobs, outcomes }: Looked) {
        self.round = None;
        let (now, fresh) = {
            let mut table = self.shared.table();
            for (job, outcome) in jobs.iter().zip(outcomes) {
                if let Some(key) = self.pool.root(job.root) {
                    table.know_root(job.root, key);
                }
                table.settle(job, outcome);
            }
            table.end_round(number);
            (table.armed_of(), table.fresh())
        };
        if !fresh.is_empty() {
            self.shared.search(fresh);
        }
        self.disarm();
        self.name();
        self.shared.tidy();
        self.shared.health.done(Step::Traps);
        self.shared.looked.notify_one();
        if std::mem::take(&mut self.again) {
            self.look();
        }
        let changed = self.told.replace(now) != Some(now);
        if changed {
            info!(armed = now.0, traps = now.1, "traps");
        }
        if changed || number.is_multiple_of(ROUNDS_TO_TRIM) {
            memory::trim();
        }
    }

    fn name(&self) {
        let names = self.shared.table().names();
        if let Err(error) = self.pool.name(&names) {
            let remedy = "give the agent more memory, or watch fewer names on this node";
            error!(%error, remedy, "the kernel does not take the decoys' names: one that is made anew is seen only when it was looked at");
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
