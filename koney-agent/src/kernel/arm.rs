//! Arming by opening: the program that sees the open enters the keys that the kernel uses for the file.
//!
//! `stat` does not report the kernel's own (device, inode) on overlayfs without xino, on btrfs and others; an open does.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
    os::fd::{AsFd as _, BorrowedFd},
    path::PathBuf,
    sync::Mutex,
};

use aya::maps::{HashMap, MapData, MapError};
use koney_common::{
    ArmRequest, NameKey, TrapEntry, TrapKey,
    identity::{ARM_KEYS, NO_TRAP, ROLE_OWN},
};
use thiserror::Error;

use super::{
    gate::Gate,
    names::Names,
    open::{self, OpenError, Stamp},
    pod::{Entry, Key, Request},
    root::Root,
    slots::Slots,
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
    /// Fanotify refuses the file.
    #[error("cannot be marked for fanotify: {0}")]
    Mark(io::Error),
    /// Fanotify must not watch the file.
    #[error("is on a {0} file system, whose server could hold up fanotify for every other decoy")]
    Remote(&'static str),
    /// A map operation failed.
    #[error("the arming table cannot be used: {0}")]
    Map(#[from] MapError),
}

impl ArmError {
    /// What a person can do about it, besides waiting: it is tried again.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Open(OpenError::Missing) => "create the file (koney does not plant decoys); it is armed when it appears",
            Self::Open(OpenError::NotRegular(_)) => "put a regular file there; it is tried again",
            Self::Open(OpenError::Io(_)) => {
                "see the reason (files of others need CAP_DAC_READ_SEARCH, those of other containers CAP_SYS_PTRACE); it is tried again"
            }
            Self::Unreachable => "check the file system; it is tried again",
            Self::NotSeen => "run `koney-agent doctor`, which says what the kernel withholds; it is tried again",
            Self::Full => "take traps out of the policies of this node: the kernel's table holds no more; it is tried again",
            Self::Mark(_) => "see the reason (marks are bounded by /proc/sys/fs/fanotify/max_user_marks); it is tried again",
            Self::Remote(_) => "put the decoy on a local file system, or use a kernel that takes eBPF; it is tried again",
            Self::Map(_) => "give the agent more memory, where that is the reason; it is tried again",
        }
    }
}

/// One path to arm under one trap number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The agent's number for the trap.
    pub trap: u32,
    /// Where the path is looked up.
    pub root: Root,
    /// Absolute path inside the root.
    pub path: PathBuf,
    /// What came of the last time; a file that is still the same is not opened again.
    pub known: Option<Armed>,
}

/// A file that is armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Its keys: its own, and that of the file which an overlay keeps behind it.
    pub keys: Vec<ArmedKey>,
    /// By which it is known again.
    pub stamp: Stamp,
    /// Its path without symbolic links, as its mount namespace has it.
    pub canonical: Option<PathBuf>,
}

/// A key, and which of the files that have had this inode number it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArmedKey {
    /// The kernel's name of the file.
    pub key: TrapKey,
    /// `inode.i_generation`.
    pub generation: u32,
}

/// What came of one job.
pub type Outcome = Result<Armed, ArmError>;

/// Makes a detector watch a file, and stop watching it.
pub(super) trait Arm: Send + Sync {
    /// Watches the file at a path in a root directory, the job's. Blocks as long as the file system does.
    fn arm(&self, root: BorrowedFd<'_>, job: &Job) -> Outcome;
    /// Nobody wants this key any more. Unknown keys are no error: what is gone is gone.
    fn disarm(&self, key: TrapKey);
    /// The kernel's own key of a root directory under which something was looked up before; `None` where the detector does not tell it.
    fn root(&self, root: Root) -> Option<TrapKey>;
    /// Makes these the names by which a decoy is known that is not armed yet. Nothing, where the detector knows no names.
    fn name(&self, names: &BTreeSet<NameKey>) -> Result<(), ArmError>;
}

/// The one that enters and removes keys.
pub(super) struct Armory {
    gate: Gate,
    requests: Mutex<HashMap<MapData, u32, Request>>,
    traps: Mutex<Traps>,
    names: Mutex<Names>,
    /// What was answered before; a directory keeps its key as long as its process lives.
    roots: Mutex<BTreeMap<Root, TrapKey>>,
}

/// `BPF_NOEXIST`, `include/uapi/linux/bpf.h`.
const BPF_NOEXIST: u64 = 1;

/// Roots whose keys are kept.
const ROOTS: usize = 4096;

struct Traps {
    table: HashMap<MapData, Key, Entry>,
    keys: HashSet<TrapKey>,
    slots: Slots,
}

impl Armory {
    pub(super) fn new(
        gate: Gate,
        requests: HashMap<MapData, u32, Request>,
        table: HashMap<MapData, Key, Entry>,
        names: Names,
    ) -> Self {
        let traps = Traps { table, keys: HashSet::new(), slots: Slots::default() };
        Self { gate, requests: Mutex::new(requests), traps: Mutex::new(traps), names: Mutex::new(names), roots: Mutex::default() }
    }

    /// Arms the file behind an `O_PATH` (or any other) descriptor.
    pub(super) fn arm_found(&self, trap: u32, found: BorrowedFd<'_>) -> Result<Vec<ArmedKey>, ArmError> {
        // Until the keys are counted below: the program opens their slots without the lock, and a key that is disarmed meanwhile may
        // close them; nothing is overlooked as long as somebody is arming.
        let _guard = self.gate.arming();
        let closed = lock(&self.traps).slots.closed();
        let request = ArmRequest { trap, holders: [NO_TRAP; ARM_KEYS], ..ArmRequest::default() };
        let (answer, opened) = self.open_as(request, || open::reopen(found))?;
        // Also where the open failed in the end: the program has answered before that (`do_dentry_open`, `fs/open.c`).
        let keys = self.take(&answer, closed);
        drop(opened.map_err(OpenError::Io)?);
        keys
    }

    /// The kernel's own key of a root directory.
    fn key_of_root(&self, root: BorrowedFd<'_>) -> Result<TrapKey, ArmError> {
        let _guard = self.gate.arming();
        let request = ArmRequest { ask: 1, holders: [NO_TRAP; ARM_KEYS], ..ArmRequest::default() };
        let (answer, opened) = self.open_as(request, || open::reopen_directory(root))?;
        drop(opened.map_err(OpenError::Io)?);
        if answer.filled == 0 { Err(ArmError::NotSeen) } else { Ok(answer.keys[0]) }
    }

    /// A root that cannot be told costs the check by name its shortest way, and nothing else.
    fn learn_root(&self, root: Root, directory: BorrowedFd<'_>) {
        if lock(&self.roots).contains_key(&root) {
            return;
        }
        match self.key_of_root(directory) {
            Ok(key) => {
                let mut roots = lock(&self.roots);
                if roots.len() >= ROOTS {
                    roots.clear();
                }
                roots.insert(root, key);
            }
            Err(error) => tracing::debug!(%error, "no key of the root directory"),
        }
    }

    /// Opens something as an arming thread, and gives what the program answered.
    fn open_as<T>(&self, request: ArmRequest, open: impl FnOnce() -> T) -> Result<(ArmRequest, T), ArmError> {
        let thread = thread_id();
        lock(&self.requests).insert(thread, Request(request), 0)?;
        let opened = open();
        let mut requests = lock(&self.requests);
        let answer = requests.get(&thread, 0);
        requests.remove(&thread)?;
        Ok((answer?.0, opened))
    }

    /// Has the programs tell, or be silent.
    pub(super) fn set_live(&self, live: bool) {
        self.gate.set_live(live);
    }

    /// A younger agent is about to tell.
    pub(super) fn is_relieving(&self) -> bool {
        self.gate.is_relieving()
    }

    /// The younger agent has not come.
    pub(super) fn stay(&self) {
        self.gate.set_relieving(false);
    }

    /// Notes how many dropped records were told of.
    pub(super) fn set_dropped_told(&self, count: u64) {
        self.gate.set_dropped_told(count);
    }

    /// Notes that the agent is there.
    pub(super) fn beat(&self, boot_ns: u64) {
        self.gate.beat(boot_ns);
    }

    /// The programs tell: no other agent has silenced them.
    pub(super) fn is_live(&self) -> bool {
        self.gate.is_live()
    }

    /// Closes slots that the programs have opened for files which are armed no more, unless `still` names one of them after that.
    pub(super) fn close_unless(&self, keys: &[TrapKey], still: impl FnOnce() -> Vec<TrapKey>) {
        // Nothing is overlooked while slots are closed and opened again.
        let _guard = self.gate.arming();
        let mut traps = lock(&self.traps);
        for key in keys {
            traps.slots.close(&self.gate, *key);
        }
        for key in still() {
            self.gate.open_key(key);
        }
    }

    /// Counts the keys that the program has entered, before which so many slots had been closed.
    fn take(&self, answer: &ArmRequest, closed: u64) -> Result<Vec<ArmedKey>, ArmError> {
        let filled = (answer.filled as usize).min(ARM_KEYS);
        if filled == 0 {
            return Err(ArmError::NotSeen);
        }
        let mut traps = lock(&self.traps);
        let mut keys = Vec::with_capacity(filled);
        let entered = answer.keys.iter().zip(answer.generations).zip(answer.holders).take(filled);
        for ((key, generation), _) in entered.filter(|(_, holder)| *holder != NO_TRAP) {
            if traps.keys.insert(*key) {
                traps.slots.add(*key);
            }
            // The program has opened them, and every page costs a mapping.
            if traps.slots.closed() != closed {
                self.gate.open_key(*key);
            }
            keys.push(ArmedKey { key: *key, generation });
        }
        if keys.len() == filled { Ok(keys) } else { Err(ArmError::Full) }
    }

    /// Enters a key that the programs have told.
    pub(super) fn adopt(&self, trap: u32, key: TrapKey) -> Result<(), MapError> {
        let mut traps = lock(&self.traps);
        // One that is there already is some trap's.
        match traps.table.insert(Key(key), Entry(TrapEntry { trap, role: ROLE_OWN }), BPF_NOEXIST) {
            Ok(()) => {
                if traps.keys.insert(key) {
                    traps.slots.add(key);
                }
                self.gate.open_key(key);
                Ok(())
            }
            Err(MapError::SyscallError(error)) if error.io_error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All the keys are in force: nobody has removed one behind the agent's back.
    fn has(&self, keys: &[ArmedKey]) -> bool {
        let traps = lock(&self.traps);
        keys.iter().all(|armed| traps.table.get(&Key(armed.key), 0).is_ok())
    }
}

impl Arm for Armory {
    fn arm(&self, root: BorrowedFd<'_>, job: &Job) -> Outcome {
        self.learn_root(job.root, root);
        let found = open::resolve(root, &job.path)?;
        if let Some(known) = job.known.as_ref().filter(|known| known.stamp == found.stamp && self.has(&known.keys)) {
            return Ok(known.clone());
        }
        let keys = self.arm_found(job.trap, found.file.as_fd())?;
        Ok(Armed { keys, stamp: found.stamp, canonical: found.canonical() })
    }

    fn root(&self, root: Root) -> Option<TrapKey> {
        lock(&self.roots).get(&root).copied()
    }

    fn name(&self, names: &BTreeSet<NameKey>) -> Result<(), ArmError> {
        Ok(lock(&self.names).set(&self.gate, names)?)
    }

    fn disarm(&self, key: TrapKey) {
        let mut traps = lock(&self.traps);
        if let Err(error) = traps.table.remove(&Key(key)) {
            tracing::debug!(%error, "the key was gone already");
        }
        if !traps.keys.remove(&key) {
            return;
        }
        traps.slots.remove(key);
        traps.slots.close(&self.gate, key);
    }
}

#[expect(clippy::cast_sign_loss, reason = "thread ids are positive")]
fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}

/// A panic while holding the lock leaves the map as consistent as the kernel has it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
