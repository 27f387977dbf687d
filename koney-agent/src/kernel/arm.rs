//! Arming by opening: the program that sees the open enters the keys that the kernel uses for the file.
//!
//! `stat` does not report the kernel's own (device, inode) on overlayfs without xino, on btrfs and others; an open does.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    sync::Mutex,
};

use aya::maps::{HashMap, MapData, MapError};
use koney_common::{
    ArmRequest, TrapKey,
    identity::{ARM_KEYS, NO_TRAP},
};
use thiserror::Error;

use super::{
    gate::Gate,
    open::{self, OpenError},
    pod::{Entry, Key, Request},
};

/// The trap is not armed; the reason becomes its state and the agent tries again.
#[derive(Debug, Error)]
pub enum ArmError {
    /// The decoy cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Opening takes too long, as on a network mount that hangs.
    #[error("does not answer; its file system may hang")]
    Unreachable,
    /// The program did not see the open.
    #[error("was opened, but the kernel program did not see it")]
    NotSeen,
    /// The kernel could not take another key.
    #[error("has no room in the kernel's trap table")]
    Full,
    /// A map operation failed.
    #[error("the arming table cannot be used: {0}")]
    Map(#[from] MapError),
}

/// The one that enters and removes keys.
pub(super) struct Armory {
    gate: Gate,
    requests: Mutex<HashMap<MapData, u32, Request>>,
    traps: Mutex<Traps>,
}

struct Traps {
    table: HashMap<MapData, Key, Entry>,
    keys: HashSet<TrapKey>,
    /// Keys per gate slot: a slot is closed with its last key.
    slots: BTreeMap<usize, usize>,
}

impl Armory {
    pub(super) fn new(gate: Gate, requests: HashMap<MapData, u32, Request>, table: HashMap<MapData, Key, Entry>) -> Self {
        let traps = Traps { table, keys: HashSet::new(), slots: BTreeMap::new() };
        Self { gate, requests: Mutex::new(requests), traps: Mutex::new(traps) }
    }

    /// Arms the file at `path` in the agent's own root. Blocks as long as the file system does.
    pub(super) fn arm(&self, trap: u32, path: &Path) -> Result<Vec<TrapKey>, ArmError> {
        let root = open::own_root().map_err(OpenError::Io)?;
        let found = open::resolve(root, path)?;
        self.arm_found(trap, std::os::fd::AsFd::as_fd(&found))
    }

    /// Arms the file behind an `O_PATH` (or any other) descriptor.
    pub(super) fn arm_found(&self, trap: u32, found: BorrowedFd<'_>) -> Result<Vec<TrapKey>, ArmError> {
        let thread = thread_id();
        let asked = ArmRequest { trap, holders: [NO_TRAP; ARM_KEYS], ..ArmRequest::default() };
        lock(&self.requests).insert(thread, Request(asked), 0)?;
        // Until the keys are counted below: the program opens their slots without the lock, and a key that is disarmed meanwhile may
        // close them; nothing is overlooked as long as somebody is arming.
        let _guard = self.gate.arming();
        let opened = open::reopen(found);
        let answer = {
            let mut requests = lock(&self.requests);
            let answer = requests.get(&thread, 0);
            requests.remove(&thread)?;
            answer?.0
        };
        drop(opened.map_err(OpenError::Io)?);
        self.take(&answer)
    }

    /// Notes the keys that the program has entered.
    fn take(&self, answer: &ArmRequest) -> Result<Vec<TrapKey>, ArmError> {
        let filled = (answer.filled as usize).min(ARM_KEYS);
        if filled == 0 {
            return Err(ArmError::NotSeen);
        }
        let mut traps = lock(&self.traps);
        let mut keys = Vec::with_capacity(filled);
        for (key, holder) in answer.keys.iter().zip(answer.holders).take(filled) {
            if holder == NO_TRAP {
                return Err(ArmError::Full);
            }
            if traps.keys.insert(*key) {
                *traps.slots.entry(key.slot()).or_default() += 1;
            }
            self.gate.open(*key);
            keys.push(*key);
        }
        Ok(keys)
    }

    /// Removes a key. Unknown keys are no error: what is gone is gone.
    pub(super) fn disarm(&self, key: TrapKey) {
        let mut traps = lock(&self.traps);
        if !traps.keys.remove(&key) {
            return;
        }
        if let Err(error) = traps.table.remove(&Key(key)) {
            tracing::debug!(%error, "the key was gone already");
        }
        let slot = traps.slots.entry(key.slot()).or_default();
        *slot = slot.saturating_sub(1);
        if *slot == 0 {
            traps.slots.remove(&key.slot());
            self.gate.close(key);
        }
    }
}

/// One path to arm under one trap number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The agent's number for the trap.
    pub trap: u32,
    /// Absolute path inside the root.
    pub path: PathBuf,
}

#[expect(clippy::cast_sign_loss, reason = "thread ids are positive")]
fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}

/// A panic while holding the lock leaves the map as consistent as the kernel has it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl From<io::Error> for ArmError {
    fn from(error: io::Error) -> Self {
        Self::Open(OpenError::Io(error))
    }
}
