//! Arming in threads of its own, with a deadline: even `O_PATH` can block on a network or FUSE mount.
//!
//! A thread that hangs is left behind with the one path it hangs on, and a new one goes on with the rest. The path is not tried again
//! until that thread comes back.

use std::{
    collections::{BTreeSet, HashSet},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use koney_common::{NameKey, TrapKey};
use tokio::{sync::oneshot, time::timeout};
use tracing::warn;

use super::{
    arm::{Arm, ArmError, Job, Outcome},
    open::OpenError,
    root::Root,
};

/// How long one path may take at least; it is given up after twice that at most.
const DEADLINE: Duration = Duration::from_secs(3);

/// Arms paths off the runtime's threads, and disarms keys.
#[derive(Clone)]
pub struct ArmPool {
    armory: Arc<dyn Arm>,
    busy: Busy,
    deadline: Duration,
}

/// The paths that some thread is at.
#[derive(Clone, Default)]
struct Busy(Arc<Mutex<HashSet<(Root, PathBuf)>>>);

impl ArmPool {
    pub(super) fn new(armory: Arc<dyn Arm>) -> Self {
        Self { armory, busy: Busy::default(), deadline: DEADLINE }
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
    pub async fn arm(&self, jobs: impl Into<Arc<[Job]>>) -> Vec<Outcome> {
        let jobs = jobs.into();
        let mut outcomes = Vec::with_capacity(jobs.len());
        while outcomes.len() < jobs.len() {
            outcomes.extend(self.start(Arc::clone(&jobs), outcomes.len()).until_over(self.deadline).await);
            // The thread hangs, or could not be started: this job is given up, the rest goes to a new one.
            if let Some(job) = jobs.get(outcomes.len()) {
                let remedy = "see whether its file system answers: koney tries again";
                warn!(path = %job.path.display().to_string().escape_debug(), remedy, "arming takes too long");
                outcomes.push(Err(ArmError::Unreachable));
            }
        }
        outcomes
    }

    /// Has a thread do the jobs from one on.
    fn start(&self, jobs: Arc<[Job]>, from: usize) -> Progress {
        let (over, told) = oneshot::channel();
        let progress = Progress { outcomes: Arc::default(), over: told };
        let (pool, outcomes) = (self.clone(), Arc::clone(&progress.outcomes));
        let spawned = std::thread::Builder::new().name("koney-arm".to_owned()).spawn(move || {
            let mut opened = None;
            for job in jobs.iter().skip(from) {
                let outcome = pool.one(job, &mut opened);
                let mut outcomes = lock(&outcomes);
                if over.is_closed() {
                    // Given up while this thread hung. What it has entered is found again by the trap's number.
                    return;
                }
                outcomes.push(outcome);
            }
            // Whoever has given up needs no answer.
            let _given_up = over.send(());
        });
        if let Err(error) = spawned {
            warn!(%error, "no thread for arming; trying again with the next round");
        }
        progress
    }

    /// A root directory stays open for the jobs that follow in it: a container has several decoys.
    fn one(&self, job: &Job, opened: &mut Option<(Root, OwnedFd)>) -> Outcome {
        let _at = self.busy.enter(job.root, &job.path).ok_or(ArmError::Unreachable)?;
        let root = match opened.take().filter(|(root, _)| *root == job.root) {
            Some(open) => open,
            None => (job.root, job.root.open().map_err(OpenError::Io)?),
        };
        let (_, root) = opened.insert(root);
        self.armory.arm(root.as_fd(), job)
    }
}

/// What a thread has come to. It tells when it is through and not after each job: waking the runtime would cost more than most jobs do.
struct Progress {
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    over: oneshot::Receiver<()>,
}

impl Progress {
    /// All outcomes, or those before the job at which the thread hangs.
    async fn until_over(self, deadline: Duration) -> Vec<Outcome> {
        let Self { outcomes, mut over } = self;
        let mut before = 0;
        while timeout(deadline, &mut over).await.is_err() {
            let now = lock(&outcomes).len();
            if now == before {
                break;
            }
            before = now;
        }
        let mut outcomes = lock(&outcomes);
        over.close();
        std::mem::take(&mut *outcomes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Busy {
    /// `None` while another thread is at the path.
    fn enter(&self, root: Root, path: &Path) -> Option<At> {
        let place = (root, path.to_owned());
        lock(&self.0).insert(place.clone()).then(|| At { busy: self.clone(), place })
    }
}

/// A thread is at this path until the guard is dropped.
struct At {
    busy: Busy,
    place: (Root, PathBuf),
}

impl Drop for At {
    fn drop(&mut self) {
        lock(&self.busy.0).remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::fd::BorrowedFd,
        sync::mpsc::{Receiver, Sender, channel},
    };

    use super::*;
    use crate::kernel::{arm::Armed, open::Stamp};

    /// Hangs at `/hangs` until it is let go, and says which paths it is through with.
    struct Hanging {
        let_go: Mutex<Receiver<()>>,
        through: Mutex<Sender<PathBuf>>,
    }

    impl Arm for Hanging {
        fn arm(&self, _root: BorrowedFd<'_>, job: &Job) -> Outcome {
            if job.path == Path::new("/hangs") {
                lock(&self.let_go).recv().expect("let go");
            }
            lock(&self.through).send(job.path.clone()).expect("heard");
            Ok(Armed { keys: Vec::new(), stamp: Stamp::default(), canonical: Some(job.path.clone()) })
        }

        fn disarm(&self, _key: TrapKey) {}

        fn root(&self, _root: Root) -> Option<TrapKey> {
            None
        }

        fn name(&self, _names: &BTreeSet<NameKey>) -> Result<(), ArmError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_path_that_hangs_holds_up_no_other_and_is_not_tried_twice() {
        let ((free, let_go), (through, heard)) = (channel(), channel());
        let armory = Arc::new(Hanging { let_go: Mutex::new(let_go), through: Mutex::new(through) });
        // Longer than a machine that is busy with other tests lets a thread wait.
        let pool = ArmPool { deadline: Duration::from_secs(2), ..ArmPool::new(armory) };
        let job = |path: &&str| Job { trap: 1, root: Root::Own, path: path.into(), known: None };
        let paths = ["/before", "/hangs", "/after", "/no", "/last"];
        let armed = |outcome: &Outcome| outcome.as_ref().ok().and_then(|armed| armed.canonical.clone());
        for _ in 0..2 {
            let outcomes = pool.arm(paths.iter().map(job).collect::<Vec<_>>()).await;
            let expected = paths.map(|path| (path != "/hangs").then(|| PathBuf::from(path)));
            assert_eq!(outcomes.iter().map(armed).collect::<Vec<_>>(), expected);
            assert!(matches!(outcomes.get(1), Some(Err(ArmError::Unreachable))));
        }
        free.send(()).expect("it hangs");
        drop(pool);
        // Until every thread has ended: the one that hung goes on with none of its other jobs.
        let heard: Vec<_> = heard.iter().collect();
        assert_eq!(
            heard,
            ["/before", "/after", "/no", "/last", "/before", "/after", "/no", "/last", "/hangs"].map(PathBuf::from)
        );
    }

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
