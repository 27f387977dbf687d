//! Arming in threads of its own, with a deadline: even `O_PATH` can block on a network or FUSE mount.
//!
//! A thread that hangs is left behind with the one path it hangs on, and a new one goes on with the rest.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use koney_common::TrapKey;
use tokio::{sync::mpsc, time::timeout};
use tracing::warn;

use super::arm::{ArmError, Armory, Job};

/// How long one path may take.
const DEADLINE: Duration = Duration::from_secs(3);
/// Threads that may hang at the same time; beyond it nothing new is tried until one comes back.
const STUCK: usize = 8;

/// What came of one job.
pub type Outcome = Result<Vec<TrapKey>, ArmError>;

/// Arms paths off the runtime's threads.
#[derive(Clone)]
pub(super) struct Workers {
    armory: Arc<Armory>,
    stuck: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Workers {
    pub(super) fn new(armory: Arc<Armory>) -> Self {
        Self { armory, stuck: Arc::default() }
    }

    /// One outcome per job, in their order.
    pub(super) async fn arm(&self, jobs: Vec<Job>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut answers = self.start(jobs.clone());
        while outcomes.len() < jobs.len() {
            match timeout(DEADLINE, answers.recv()).await {
                Ok(Some(outcome)) => outcomes.push(outcome),
                // The thread could not be started, or died: this job is lost, the rest goes to a new thread.
                Ok(None) => {
                    outcomes.push(Err(ArmError::Unreachable));
                    answers = self.start(jobs.iter().skip(outcomes.len()).cloned().collect());
                }
                Err(_elapsed) => {
                    if let Some(job) = jobs.get(outcomes.len()) {
                        warn!(path = %job.path.display().to_string().escape_debug(), "arming takes too long; the trap is unreachable");
                        self.stuck().insert(job.path.clone());
                    }
                    outcomes.push(Err(ArmError::Unreachable));
                    answers = self.start(jobs.iter().skip(outcomes.len()).cloned().collect());
                }
            }
        }
        outcomes
    }

    fn start(&self, jobs: Vec<Job>) -> mpsc::UnboundedReceiver<Outcome> {
        let (send, receive) = mpsc::unbounded_channel();
        let workers = self.clone();
        let spawned = std::thread::Builder::new().name("koney-arm".to_owned()).spawn(move || {
            for Job { trap, path } in jobs {
                let outcome = if workers.may_try(&path) {
                    let outcome = workers.armory.arm(trap, &path);
                    workers.stuck().remove(&path);
                    outcome
                } else {
                    Err(ArmError::Unreachable)
                };
                if send.send(outcome).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            warn!(%error, "no thread for arming; trying again with the next round");
        }
        receive
    }

    /// A path that another thread hangs on is not tried again, and none is while too many hang.
    fn may_try(&self, path: &PathBuf) -> bool {
        let stuck = self.stuck();
        stuck.len() < STUCK && !stuck.contains(path)
    }

    fn stuck(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
