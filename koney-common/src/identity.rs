//! A trap is an inode: the keys and values of the identity check.

use crate::name::{NAME_SLOTS, NAMES_AGAIN_SLOTS, THREAD_SLOTS};

/// The kernel's own name of a file; unique among the files of a node except on btrfs, whose subvolumes count their inodes alike and
/// share one `s_dev`.
///
/// `device` is `super_block.s_dev` in the kernel's encoding (major << 20 | minor, `include/linux/kdev_t.h`), which is not what
/// `stat` reports; keys are therefore entered by the kernel program when the agent opens the file, never computed from `stat`. Only
/// where no program runs, both sides of the comparison are `stat`'s numbers (`koney-agent/src/kernel/fanotify/marks.rs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct TrapKey {
    /// `inode.i_ino`.
    pub inode: u64,
    /// `super_block.s_dev`.
    pub device: u32,
    /// Always zero: map keys are compared byte by byte.
    pub padding: u32,
}

/// What the trap table holds for a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TrapEntry {
    /// The agent's number for the trap.
    pub trap: u32,
    /// [`ROLE_OWN`] or [`ROLE_BACKING`].
    pub role: u32,
}

/// The file itself.
pub const ROLE_OWN: u32 = 0;
/// The file that an overlay opens behind the one that was asked for.
pub const ROLE_BACKING: u32 = 1;

/// "Thread T is arming trap N": written by the agent, answered by the program that sees T open the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ArmRequest {
    /// The trap to enter.
    pub trap: u32,
    /// How many of `keys` the program has filled, at most [`ARM_KEYS`].
    pub filled: u32,
    /// Not zero: only tell the keys of what is opened, and enter none of them.
    pub ask: u32,
    /// Always zero.
    pub padding: u32,
    /// The keys of the opened file: its own first, an overlay's backing file second.
    pub keys: [TrapKey; ARM_KEYS],
    /// `inode.i_generation` for each key: tells a file from a later one that was given its inode number.
    pub generations: [u32; ARM_KEYS],
    /// The trap already in force for each key; equals `trap` where the key was entered now, [`NO_TRAP`] where that failed.
    pub holders: [u32; ARM_KEYS],
}

/// A file and what an overlay keeps behind it.
pub const ARM_KEYS: usize = 2;
/// No trap has this number.
pub const NO_TRAP: u32 = u32::MAX;
/// The file has a decoy's name and whose it is has not been decided: the agent answers with a trap of its own or with a refusal.
pub const UNDECIDED_TRAP: u32 = u32::MAX - 1;
/// The trap number of the agent's own canary.
pub const CANARY_TRAP: u32 = 0;

/// Version of the maps and of what is in them: another one cannot be read.
pub const LAYOUT: u32 = 1;

/// One byte per slot answers "no" for nearly every open without a helper call: with 200,000 keys one slot in five is taken.
pub const GATE_SLOTS: usize = 1 << 20;
/// Slots of inode numbers. Other file systems count theirs alike: what gets through is asked for its device as well.
pub const INODE_SLOTS: usize = 1 << 18;

/// The one-entry array consulted first on every open.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Gate {
    /// Not zero while the agent has arming requests under way.
    pub arming: u32,
    /// Not zero once some thread has touched a trap on an overlay: only then `threads` is looked at.
    pub decided: u32,
    /// Zero: the programs arm, and tell of nothing but the canary. Another set tells, or none.
    pub live: u32,
    /// The agent that is about to take over, by its process id in the initial pid namespace: what it opens to arm its traps is nothing to tell.
    pub successor_pid: u32,
    /// Start of that process, nanoseconds since boot: a later one of its number is another one.
    pub successor_start_ns: u64,
    /// How many dropped records ([`crate::Counter::Dropped`]) the agent has told of.
    pub dropped_told: u64,
    /// When the agent was last there, nanoseconds since boot; zero before its first second.
    pub beat_ns: u64,
    /// Not zero: a younger agent is about to tell, so this one tells nothing more of what it reads. The programs do not look at it.
    pub relieving: u32,
    /// Keeps what follows on cache lines that arming does not write.
    pub padding: [u32; 5],
    /// Not zero: the name of some decoy falls into this slot ([`crate::name::name_slot`]). This and the next begin where an
    /// instruction's own offset reaches: every open looks into both.
    pub names: [u8; NAME_SLOTS],
    /// Not zero: the inode number of some armed key falls into this slot. The first question of an open, for the number is the cheaper
    /// half of a key: `s_dev` lies in another object.
    pub inodes: [u8; INODE_SLOTS],
    /// How many threads of this slot have touched a trap on an overlay, whose own open behind it follows.
    pub threads: [u64; THREAD_SLOTS],
    /// Not zero: the name of some decoy falls into this slot ([`crate::name::name_slot_again`]).
    pub names_again: [u8; NAMES_AGAIN_SLOTS],
    /// Not zero: some armed key falls into this slot. Bytes, because setting a bit would take an
    /// atomic OR, which BPF has only since 5.12.
    pub slots: [u8; GATE_SLOTS],
}

impl TrapKey {
    /// A key with its padding in order.
    #[must_use]
    pub const fn new(device: u32, inode: u64) -> Self {
        Self { inode, device, padding: 0 }
    }

    /// The gate's slot for this key, below [`GATE_SLOTS`].
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call would cost more than the hash on every open of the node")]
    #[expect(clippy::cast_possible_truncation, reason = "sixteen bits are left")]
    pub const fn slot(&self) -> usize {
        // Fibonacci hashing: inode numbers are often consecutive, the high bits of the product spread them.
        let mixed = (self.inode ^ ((self.device as u64) << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - GATE_SLOTS.trailing_zeros())) as usize
    }

    /// The gate's slot for the inode number alone, below [`INODE_SLOTS`].
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "as above")]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    pub const fn inode_slot(&self) -> usize {
        inode_slot(self.inode as u32)
    }
}

/// The gate's slot for the lower half of an inode number: its multiplier fits into the instruction (`GOLDEN_RATIO_32`,
/// `include/linux/hash.h`).
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "as above")]
pub const fn inode_slot(low: u32) -> usize {
    (low.wrapping_mul(0x61C8_8647) >> (32 - INODE_SLOTS.trailing_zeros())) as usize
}

const _: () = {
    assert!(size_of::<TrapKey>() == 16);
    assert!(size_of::<TrapEntry>() == 8);
    assert!(size_of::<ArmRequest>() == 64);
    assert!(size_of::<Gate>() == 64 + NAME_SLOTS + 8 * THREAD_SLOTS + NAMES_AGAIN_SLOTS + INODE_SLOTS + GATE_SLOTS);
    assert!(INODE_SLOTS.is_power_of_two() && GATE_SLOTS.is_power_of_two());
};

#[cfg(test)]
mod tests {
    use super::*;

    extern crate std;

    #[test]
    fn slots_stay_in_bounds_and_spread() {
        let slots: std::collections::BTreeSet<_> = (1..=1_000).map(|inode| TrapKey::new(0x80_0001, inode).slot()).collect();
        assert!(slots.iter().all(|slot| *slot < GATE_SLOTS));
        assert!(slots.len() > 980, "{} of 1000 consecutive inodes got a slot of their own", slots.len());
    }

    #[test]
    fn device_is_part_of_the_slot() {
        assert_ne!(TrapKey::new(1, 42).slot(), TrapKey::new(2, 42).slot());
    }
}
