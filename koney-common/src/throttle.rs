//! Repeats: what one process does again and again to one file.

use crate::{TrapKey, record::COMM_LEN};

/// Who does what to which file. The start time keeps a later process of the same number from being taken for a repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct RepeatsKey {
    /// The file.
    pub file: TrapKey,
    /// Start of the process, nanoseconds since boot; 0 where the kernel does not tell.
    pub start_time_ns: u64,
    /// Thread group, in the initial pid namespace.
    pub init_pid: u32,
    /// What was done ([`crate::record::operation`]): reading does not hide a later write.
    pub operation: u32,
}

/// What followed the first access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Repeats {
    /// The first access, nanoseconds since boot; that one has a record.
    pub first_ns: u64,
    /// The last one, nanoseconds since boot.
    pub last_ns: u64,
    /// How many came after the first.
    pub count: u64,
}

/// Processes and files whose repeats are counted at a time; the least recently used make room, and their next access counts as a
/// first one again.
pub const REPEATS_ENTRIES: usize = 16_384;

/// The access mode of `open(2)` flags (`O_ACCMODE`).
pub const ACCESS_MODE: u32 = 3;

/// The first access to a trap while the ring was full: who it was, in few words, so that there is room for one per trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Slot {
    /// The file.
    pub file: TrapKey,
    /// Nanoseconds since boot.
    pub time_ns: u64,
    /// `kernfs_node.id` of the process's cgroup; 0 where it is not known.
    pub cgroup: u64,
    /// Start of the process, nanoseconds since boot; 0 where it is not known.
    pub start_time_ns: u64,
    /// Thread group, in the agent's pid namespace; 0 where it is not known.
    pub pid: u32,
    /// Thread group, in the initial pid namespace.
    pub init_pid: u32,
    /// Thread, in the initial pid namespace.
    pub init_tid: u32,
    /// Real user id; `u32::MAX` where it is not known.
    pub uid: u32,
    /// What was done.
    pub operation: u32,
    /// Always zero.
    pub padding: u32,
    /// The thread's command name, NUL-padded.
    pub comm: [u8; COMM_LEN],
}

/// Traps that can have an access kept while the ring is full.
pub const SLOTS: usize = 131_072;

const _: () = {
    assert!(size_of::<RepeatsKey>() == 32);
    assert!(size_of::<Repeats>() == 24);
    assert!(size_of::<Slot>() == 80);
};
