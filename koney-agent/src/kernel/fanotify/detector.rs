//! The detector: marks decoys, reads what the kernel queues, and sees to it that it would see.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use koney_common::{TrapKey, identity::CANARY_TRAP};
use nix::sys::fanotify::FanotifyEvent;
use rustix::{
    fs::fstat,
    time::{ClockId, clock_gettime},
};
use tokio::io::{Interest, unix::AsyncFd};
use tracing::{info, warn};

use super::{FanotifyError, LIMITS, Losses, NAME, group::Group, marks::Marks};
use crate::kernel::{attach::CANARY_DEADLINE, canary::Canary, error::KernelError, watching::Watching, workers::ArmPool};

/// A process has opened a marked file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// When the agent learnt of it, in nanoseconds since boot; no two accesses share it.
    pub boot_ns: u64,
    /// The process, in the agent's pid namespace; `None` where it is in another one.
    pub pid: Option<u32>,
    /// The file.
    pub key: TrapKey,
    /// The agent's number of the trap.
    pub trap: u32,
    /// The name used, as the agent sees it.
    pub path: Option<String>,
}

/// Detection by fanotify, seen to work.
pub struct Detector {
    queue: AsyncFd<Arc<Group>>,
    marks: Arc<Marks>,
    pool: ArmPool,
    canary: Canary,
    canary_seen: bool,
    losses: Losses,
    last_ns: u64,
    /// Why it is not eBPF, where that was tried.
    refused: Option<Box<KernelError>>,
}

impl Detector {
    /// Starts, and opens the canary. Must be called inside a tokio runtime; blocks for up to a second.
    pub fn start() -> Result<Self, FanotifyError> {
        let group = Arc::new(Group::new().map_err(FanotifyError::Init)?);
        let marks = Arc::new(Marks::new(Arc::clone(&group)));
        let canary = Canary::new().map_err(FanotifyError::Canary)?;
        marks.canary(canary.file()).map_err(FanotifyError::Mark)?;
        let pool = ArmPool::new(Arc::<Marks>::clone(&marks));
        // SAFETY: the group owns its descriptor, never gives it away or another one in its place, and lives as long as the queue.
        let queue = unsafe { AsyncFd::register_with_interest(group, Interest::READABLE) };
        let queue = queue.map_err(|error| FanotifyError::Read(error.into_parts().1))?;
        let mut detector =
            Self { queue, marks, pool, canary, canary_seen: false, losses: Losses::default(), last_ns: 0, refused: None };
        detector.prove()?;
        Ok(detector)
    }

    /// It counts only when it was seen to work.
    fn prove(&mut self) -> Result<(), FanotifyError> {
        self.canary.touch().map_err(FanotifyError::Canary)?;
        let started = Instant::now();
        // Nothing else is marked yet.
        while !self.canary_seen {
            let left = CANARY_DEADLINE.checked_sub(started.elapsed()).ok_or(FanotifyError::NotSeen)?;
            self.queue.get_ref().wait(left).map_err(FanotifyError::Read)?;
            self.drain(|_access| {}).map_err(FanotifyError::Read)?;
        }
        Ok(())
    }

    /// The same, in the place of what was refused.
    pub(in crate::kernel) fn instead_of(self, refused: KernelError) -> Self {
        Self { refused: Some(Box::new(refused)), ..self }
    }

    /// What there is to see of it, for people.
    #[must_use]
    pub fn watching(&self) -> Watching {
        Watching::fanotify(release(), self.refused.as_deref())
    }

    /// Says that detection works, and what it lacks.
    pub fn log(&self) {
        let kernel = release();
        info!(kernel, method = NAME, "watching opens; the canary was seen");
        let remedy = "`koney-agent doctor` says what eBPF lacks here";
        warn!(kernel, method = NAME, reason = LIMITS, remedy, "detection is degraded");
    }

    /// The same in one line.
    #[must_use]
    pub fn report(&self) -> String {
        format!("kernel {}, watched by {NAME} (degraded: {LIMITS})", release())
    }

    /// What arms and disarms, for the task that knows the traps.
    #[must_use]
    pub fn pool(&self) -> ArmPool {
        self.pool.clone()
    }

    /// What could not be told so far.
    #[must_use]
    pub const fn losses(&self) -> Losses {
        self.losses
    }

    /// Opens the canary, whose event must come within a second.
    pub fn touch_canary(&mut self) -> io::Result<()> {
        self.canary_seen = false;
        self.canary.touch()
    }

    /// Whether the canary's event has come since it was touched.
    #[must_use]
    pub const fn canary_seen(&self) -> bool {
        self.canary_seen
    }

    /// Marks the canary again, for one whose event stayed away.
    pub fn renew_canary(&self) -> Result<(), FanotifyError> {
        self.marks.canary(self.canary.file()).map_err(FanotifyError::Mark)
    }

    /// Waits for events and takes some. Cancel safe. An error is final.
    pub async fn next(&mut self, each: impl FnMut(Access)) -> io::Result<()> {
        let events = loop {
            let mut ready = self.queue.readable().await?;
            match ready.try_io(|queue| queue.get_ref().read()) {
                Ok(events) => break events,
                Err(_would_block) => {}
            }
        };
        self.take(events, each).map(drop)
    }

    /// Takes what is queued, and waits for nothing.
    pub fn drain(&mut self, mut each: impl FnMut(Access)) -> io::Result<()> {
        loop {
            match self.queue.get_ref().read() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                events => self.take(events, &mut each)?,
            }
        }
    }

    fn take(&mut self, events: io::Result<Vec<FanotifyEvent>>, mut each: impl FnMut(Access)) -> io::Result<()> {
        match events {
            Ok(events) => {
                for event in events {
                    if let Some(access) = self.access(&event) {
                        each(access);
                    }
                }
                Ok(())
            }
            Err(error) => self.losses.read_failed(error),
        }
    }

    /// What an event says; nothing where it is the agent's own or of a file that is no trap any more.
    fn access(&mut self, event: &FanotifyEvent) -> Option<Access> {
        let Some(file) = event.fd() else {
            self.losses.overflows += 1;
            return None;
        };
        // A local file system answers from memory.
        let Ok(status) = fstat(file) else {
            self.losses.unreadable += 1;
            return None;
        };
        let path = path_of(file, status.st_nlink == 0);
        let Some(owner) = self.marks.owner(&status, path.as_deref()) else {
            self.marks.let_go(file, &status);
            return None;
        };
        let pid = u32::try_from(event.pid()).ok().filter(|pid| *pid != 0);
        if pid == Some(std::process::id()) {
            self.canary_seen |= owner.trap == CANARY_TRAP;
            return None;
        }
        let path = path.map(|path| path.to_string_lossy().into_owned());
        Some(Access { boot_ns: self.now(), pid, key: owner.key, trap: owner.trap, path })
    }

    /// The kernel tells no time, and the alert's id is made of it: it must not come twice.
    fn now(&mut self) -> u64 {
        let now = clock_gettime(ClockId::Boottime);
        let part = |value: i64| u64::try_from(value).unwrap_or(0);
        self.last_ns = (part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)).max(self.last_ns + 1);
        self.last_ns
    }
}

fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// The name of an open file. That of one without any name left ends in a word of the kernel's (`d_path`, `fs/d_path.c`).
fn path_of(file: BorrowedFd<'_>, nameless: bool) -> Option<PathBuf> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    let whole = path.to_str().filter(|_| nameless).and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Some(whole.unwrap_or(path))
}
