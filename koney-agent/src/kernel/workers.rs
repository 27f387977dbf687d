//! Arming in threads of its own, with a deadline: even `O_PATH` can block on a network or FUSE mount.
//!
//! A thread that hangs is left behind with the one path it hangs on, and a new one goes on with the rest. The path is not tried again
//! until that thread comes back.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use koney_common::{NameKey, TrapKey};
use tokio::{sync::mpsc, time::timeout};
use tracing::warn;

use super::{
    arm::{Arm, ArmError, Job, Outcome},
    root::Root,
};

/// How long one path may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Arms paths off the runtime's threads, and disarms keys.
#[derive(Clone)]
pub struct ArmPool {
    armory: Arc<dyn Arm>,
    busy: Busy,
}

/// The paths that some thread is at.
#[derive(Clone, Default)]
struct Busy(Arc<Mutex<HashSet<(Root, PathBuf)>>>);

impl ArmPool {
    pub(super) fn new(armory: Arc<dyn Arm>) -> Self {
        Self { armory, busy: Busy::default() }
    }

    /// Removes keys.
    pub fn disarm(&self, keys: &[TrapKey]) {
        for key in keys {
            self.armory.disarm(*key);
        }
    }

    /// The kernel's own key of a root directory under which something was looked up before; `None` where the detector does not tell it.
    #[must_use]
    pub fn root(&self, root: Root) -> Option<TrapKey> {
        self.armory.root(root)
    }

    /// Makes these the names by which a decoy is known that is not armed yet.
    pub fn name(&self, names: &BTreeSet<NameKey>) -> Result<(), ArmError> {
        self.armory.name(names)
    }

    /// Arms each path; one outcome per job, in their order. A path that hangs is given up after some seconds.
    pub async fn arm(&self, jobs: Vec<Job>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut answers = self.start(jobs.clone());
        while let Some(job) = jobs.get(outcomes.len()) {
            if let Ok(Some(outcome)) = timeout(DEADLINE, answers.recv()).await {
                outcomes.push(outcome);
                continue;
            }
            // The thread hangs, or could not be started: this job is given up, the rest goes to a new one.
            let remedy = "see whether its file system answers: koney tries again";
            warn!(path = %job.path.display().to_string().escape_debug(), remedy, "arming takes too long");
            outcomes.push(Err(ArmError::Unreachable));
            answers = self.start(jobs.iter().skip(outcomes.len()).cloned().collect());
        }
        outcomes
    }

    fn start(&self, jobs: Vec<Job>) -> mpsc::UnboundedReceiver<Outcome> {
        let (send, receive) = mpsc::unbounded_channel();
        let pool = self.clone();
        let spawned = std::thread::Builder::new().name("koney-arm".to_owned()).spawn(move || {
            for job in jobs {
                if send.send(pool.one(&job)).is_err() {
                    // Given up while this thread hung. What it has entered is found again by the trap's number.
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            warn!(%error, "no thread for arming; trying again with the next round");
        }
        receive
    }

    fn one(&self, job: &Job) -> Outcome {
        let _at = self.busy.enter(job.root, &job.path).ok_or(ArmError::Unreachable)?;
        self.armory.arm(job)
    }
}

impl Busy {
    /// `None` while another thread is at the path.
    fn enter(&self, root: Root, path: &Path) -> Option<At> {
        let place = (root, path.to_owned());
        self.paths().insert(place.clone()).then(|| At { busy: self.clone(), place })
    }

    fn paths(&self) -> MutexGuard<'_, HashSet<(Root, PathBuf)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread is at this path until the guard is dropped.
struct At {
    busy: Busy,
    place: (Root, PathBuf),
}

impl Drop for At {
    fn drop(&mut self) {
        self.busy.paths().remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_path() {
        let busy = Busy::default();
        let first = busy.enter(Root::Own, Path::new("/a"));
        assert!(first.is_some());
        assert!(busy.enter(Root::Own, Path::new("/a")).is_none());
        assert!(busy.enter(Root::Own, Path::new("/b")).is_some());
        drop(first);
        assert!(busy.enter(Root::Own, Path::new("/a")).is_some());
    }
}
