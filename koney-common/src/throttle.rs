//! Repeats: what one process does again and again to one file.

use crate::TrapKey;

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
    /// How it was opened: `O_RDONLY`, `O_WRONLY`, `O_RDWR`. Reading does not hide a later write.
    pub access_mode: u32,
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

const _: () = {
    assert!(size_of::<RepeatsKey>() == 32);
    assert!(size_of::<Repeats>() == 24);
};
