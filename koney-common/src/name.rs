//! The check by name: for what nobody has armed yet.

use crate::TrapKey;

/// Bytes of a name that are compared in the kernel, with the NUL that ends them.
pub const NAME_PREFIX: usize = 28;
/// Slots of the first question about a name.
pub const NAME_SLOTS: usize = 1 << 14;
/// Slots of the second question about a name, for the few whose first slot is taken: of a thousand names the first table has a slot in sixteen
/// taken, and the two together let one open in two thousand through.
pub const NAMES_AGAIN_SLOTS: usize = 1 << 17;
/// Names that are shorter stand in the directory entry itself, on every kernel (`DNAME_INLINE_LEN`, `include/linux/dcache.h`, the NUL
/// included); of longer ones the first question asks for the length alone.
pub const INLINE_NAME: u32 = 32;
/// Shorter names do not fill the word that the first question looks at.
pub const SHORT_NAME: u32 = 8;
/// Slots of the first question about a thread.
pub const THREAD_SLOTS: usize = 1 << 12;
/// Different names of decoys.
pub const NAMES: usize = 4096;
/// Files with a decoy's name that nobody has decided about, at a time; the least recently used make room.
pub const CANDIDATES: usize = 16_384;
/// Files with a decoy's name that are none, each for one cgroup; the least recently used make room.
pub const NEGATIVES: usize = 32_768;
/// Cgroups that are counted for a trap, at a time.
pub const CROWDS: usize = 8192;
/// Threads that have touched a trap on an overlay and whose next open may be the overlay's own, at a time.
pub const DECIDED: usize = 8192;
/// Candidates of one cgroup that are recorded within [`WINDOW_NS`]; the rest are armed and counted, and the agent looks at the decoys
/// themselves instead.
pub const CANDIDATES_PER_WINDOW: u32 = 128;
/// Processes of one cgroup that are recorded for one trap within [`WINDOW_NS`]; the rest are counted.
pub const PROCESSES_PER_WINDOW: u32 = 512;
/// Length of the window in which records are counted.
pub const WINDOW_NS: u64 = 1_000_000_000;

/// The last component of a path, as far as the kernel compares it: names that agree in length and beginning are told apart by the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct NameKey {
    /// Length in bytes, at most 255 (`NAME_MAX`).
    pub length: u32,
    /// The first bytes, one fewer than there is room for, padded with zeros.
    pub prefix: [u8; NAME_PREFIX],
}

/// A file with a decoy's name, armed on the spot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Candidate {
    /// The cgroup of the process that was first seen at it.
    pub cgroup: u64,
    /// When, nanoseconds since boot.
    pub time_ns: u64,
}

/// "In this cgroup, that file is no trap."
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct NegativeKey {
    /// `kernfs_node.id` of the cgroup.
    pub cgroup: u64,
    /// The file.
    pub file: TrapKey,
}

/// A window of time in which records are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Window {
    /// When it began, nanoseconds since boot.
    pub start_ns: u64,
    /// Records in it.
    pub count: u32,
    /// Always zero.
    pub padding: u32,
    /// What was not recorded, in all windows.
    pub folded: u64,
    /// The last of that, nanoseconds since boot.
    pub last_ns: u64,
}

/// Whose processes are counted for which trap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct CrowdKey {
    /// The cgroup of the processes.
    pub cgroup: u64,
    /// The trap, or [`crate::identity::UNDECIDED_TRAP`] for candidates.
    pub trap: u32,
    /// Always zero.
    pub padding: u32,
}

/// What a thread has done to a trap on an overlay: what the overlay itself then opens and changes is part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Decided {
    /// Start of the thread, nanoseconds since boot: a later thread of its number is another one.
    pub start_time_ns: u64,
    /// The trap, or [`crate::identity::UNDECIDED_TRAP`].
    pub trap: u32,
    /// Not zero: its file is being copied up, and what the overlay opens next to write is the copy.
    pub copying: u32,
}

impl NameKey {
    /// The key of a name; `None` for what no directory entry is called.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        if name.is_empty() || name.len() > 255 {
            return None;
        }
        let mut key = Self { length: u32::try_from(name.len()).ok()?, prefix: [0; NAME_PREFIX] };
        let taken = name.len().min(NAME_PREFIX - 1);
        key.prefix.get_mut(..taken)?.copy_from_slice(name.get(..taken)?);
        Some(key)
    }

    /// What the gate's slots are made of: [`name_slot`] and [`name_slot_again`].
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.prefix[..8]);
        name_hash(self.length, u64::from_le_bytes(first))
    }
}

/// What the gate's slots for a name of `length` bytes are made of, where the name begins with the bytes of `first` (little-endian); bytes
/// beyond the name do not count, and none does of a name of [`INLINE_NAME`] bytes or more.
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "a call would cost more than the hash on every open of the node")]
pub const fn name_hash(length: u32, first: u64) -> u64 {
    let word = match length {
        0..SHORT_NAME => short_name(length, first),
        SHORT_NAME..INLINE_NAME => first,
        _ => 0,
    };
    word_hash(length, word)
}

/// Of a name of fewer bytes than [`SHORT_NAME`], those that count. Shifted instead of masked, which takes a register less.
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "as above")]
pub const fn short_name(length: u32, first: u64) -> u64 {
    first.wrapping_shl(64 - 8 * length)
}

/// The same for a name of which the bytes of `word` count.
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "as above")]
pub const fn word_hash(length: u32, word: u64) -> u64 {
    (word ^ ((length as u64) << 53)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The slot of the first question, below [`NAME_SLOTS`].
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "as above")]
#[expect(clippy::cast_possible_truncation, reason = "few bits are left")]
pub const fn name_slot(hash: u64) -> usize {
    (hash >> (64 - NAME_SLOTS.trailing_zeros())) as usize
}

/// The slot of the second question, below [`NAMES_AGAIN_SLOTS`], from other bits.
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "as above")]
#[expect(clippy::cast_possible_truncation, reason = "few bits are left")]
pub const fn name_slot_again(hash: u64) -> usize {
    (hash >> (64 - NAME_SLOTS.trailing_zeros() - NAMES_AGAIN_SLOTS.trailing_zeros())) as usize & (NAMES_AGAIN_SLOTS - 1)
}

/// The slot of a thread, below [`THREAD_SLOTS`].
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "as above")]
pub const fn thread_slot(init_tid: u32) -> usize {
    init_tid as usize & (THREAD_SLOTS - 1)
}

const _: () = {
    assert!(size_of::<NameKey>() == 32);
    assert!(size_of::<Candidate>() == 16);
    assert!(size_of::<NegativeKey>() == 24);
    assert!(size_of::<Window>() == 32);
    assert!(size_of::<CrowdKey>() == 16);
    assert!(size_of::<Decided>() == 16);
    assert!(NAMES_AGAIN_SLOTS.is_power_of_two());
    assert!(NAME_SLOTS.is_power_of_two() && THREAD_SLOTS.is_power_of_two());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_a_short_name_do_not_count() {
        let hash = NameKey::new(b"key").expect("a name").hash();
        assert_eq!(hash, name_hash(3, u64::from_le_bytes(*b"key\0junk")));
        assert_ne!(name_slot(hash), name_slot(name_hash(4, u64::from_le_bytes(*b"key\0junk"))));
    }

    #[test]
    fn of_a_long_name_only_the_length_counts() {
        let hash = |letter: u8, length: usize| NameKey::new(&[letter; 64][..length]).expect("a name").hash();
        assert_eq!(hash(b'a', 32), hash(b'b', 32));
        assert_ne!(name_slot(hash(b'a', 32)), name_slot(hash(b'a', 33)));
        assert_ne!(name_slot(hash(b'a', 31)), name_slot(hash(b'b', 31)));
    }

    #[test]
    fn only_names_have_keys() {
        assert_eq!(NameKey::new(b""), None);
        assert_eq!(NameKey::new(&[b'x'; 256]), None);
        let long = NameKey::new(&[b'x'; 255]).expect("a name");
        assert_eq!((long.length, long.prefix.iter().rposition(|byte| *byte == b'x')), (255, Some(NAME_PREFIX - 2)));
        assert!(name_slot(long.hash()) < NAME_SLOTS && name_slot_again(long.hash()) < NAMES_AGAIN_SLOTS);
    }
}
