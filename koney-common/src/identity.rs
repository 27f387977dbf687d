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
pub const LAYOUT: u32 = 2;

/// Slots of keys, of which each has one in each of three tables. A byte per slot answers "no" for nearly every open without a helper call:
/// with 200,000 keys one file in eleven finds its first slot taken, one in 60 the second too, and one in 190 all three. Together they stay
/// below the four MiB that a value may have (`kernel/bpf/arraymap.c`, `array_map_alloc_check`, in 5.10).
pub const SLOTS: usize = 1 << 21;
/// Slots of the second table.
pub const SLOTS_AGAIN: usize = 1 << 20;
/// Slots of the third.
pub const SLOTS_AT_LAST: usize = 1 << 19;

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
    /// Not zero: some armed key falls into this slot ([`TrapKey::slot`]). Bytes, because setting a bit would take an atomic OR, which BPF
    /// has only since 5.12.
    pub slots: [u8; SLOTS],
    /// The same of its second slot ([`TrapKey::slot_again`]).
    pub slots_again: [u8; SLOTS_AGAIN],
    /// The same of its third ([`TrapKey::slot_at_last`]).
    pub slots_at_last: [u8; SLOTS_AT_LAST],
    /// How many threads of this slot have touched a trap on an overlay, whose own open behind it follows.
    pub threads: [u64; THREAD_SLOTS],
    /// Not zero: the name of some decoy falls into this slot ([`crate::name::name_slot_again`]).
    pub names_again: [u8; NAMES_AGAIN_SLOTS],
}

impl TrapKey {
    /// A key with its padding in order.
    #[must_use]
    pub const fn new(device: u32, inode: u64) -> Self {
        Self { inode, device, padding: 0 }
    }

    /// The key's slot in the gate's first table, below [`SLOTS`].
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call would cost more than the hash on every open of the node")]
    #[expect(clippy::cast_possible_truncation, reason = "so few bits are left")]
    pub const fn slot(&self) -> usize {
        (self.mixed() >> (64 - SLOTS.trailing_zeros())) as usize
    }

    /// The key's slot in the second table, below [`SLOTS_AGAIN`].
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "as above")]
    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    pub const fn slot_again(&self) -> usize {
        (self.mixed_again() >> (64 - SLOTS_AGAIN.trailing_zeros())) as usize
    }

    /// The key's slot in the third table, below [`SLOTS_AT_LAST`].
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "as above")]
    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    pub const fn slot_at_last(&self) -> usize {
        (self.mixed_again() >> (64 - SLOTS_AGAIN.trailing_zeros() - SLOTS_AT_LAST.trailing_zeros())) as usize
            & (SLOTS_AT_LAST - 1)
    }

    /// Fibonacci hashing: inode numbers and the devices of overlays are often consecutive, the upper bits of the product spread them.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    const fn mixed(&self) -> u64 {
        (self.inode ^ ((self.device as u64) << 24)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// As good in its lower half, for the few that come so far (the first step of the finalizer of `SplitMix64`).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    const fn mixed_again(&self) -> u64 {
        let mixed = self.mixed();
        (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }
}

const _: () = {
    assert!(size_of::<TrapKey>() == 16);
    assert!(size_of::<TrapEntry>() == 8);
    assert!(size_of::<ArmRequest>() == 64);
    assert!(size_of::<Gate>() == 64 + NAME_SLOTS + SLOTS + SLOTS_AGAIN + SLOTS_AT_LAST + 8 * THREAD_SLOTS + NAMES_AGAIN_SLOTS);
    assert!(size_of::<Gate>() <= 4 << 20);
    assert!(SLOTS.is_power_of_two() && SLOTS_AGAIN.is_power_of_two() && SLOTS_AT_LAST.is_power_of_two());
};

#[cfg(test)]
mod tests {
    use super::*;

    extern crate std;

    fn slots(key: &TrapKey) -> [usize; 3] {
        [key.slot(), key.slot_again(), key.slot_at_last()]
    }

    #[test]
    fn slots_stay_in_bounds_and_spread() {
        let keys: std::vec::Vec<_> = (1..=1_000).map(|inode| TrapKey::new(0x80_0001, inode)).collect();
        for (table, size) in [SLOTS, SLOTS_AGAIN, SLOTS_AT_LAST].into_iter().enumerate() {
            let slots: std::collections::BTreeSet<_> = keys.iter().map(|key| slots(key)[table]).collect();
            assert!(slots.iter().all(|slot| *slot < size));
            assert!(slots.len() > 980, "{} of 1000 consecutive inodes got a slot of their own in table {table}", slots.len());
        }
    }

    #[test]
    fn device_is_part_of_every_slot() {
        let (one, other) = (slots(&TrapKey::new(1, 42)), slots(&TrapKey::new(2, 42)));
        assert!(one.iter().zip(other).all(|(one, other)| *one != other));
    }

    fn through(keys: impl Iterator<Item = TrapKey>, files: impl Iterator<Item = TrapKey>) -> [f64; 3] {
        let mut tables = [std::vec![false; SLOTS], std::vec![false; SLOTS_AGAIN], std::vec![false; SLOTS_AT_LAST]];
        for key in keys {
            for (table, slot) in tables.iter_mut().zip(slots(&key)) {
                table[slot] = true;
            }
        }
        let (mut all, mut through) = (0_u32, [0_u32; 3]);
        for key in files {
            all += 1;
            let taken = tables.iter().zip(slots(&key)).take_while(|(table, slot)| table[*slot]).count();
            through.iter_mut().take(taken).for_each(|count| *count += 1);
        }
        through.map(|count| f64::from(count) / f64::from(all))
    }

    /// A hundred containers with a thousand decoys each.
    #[test]
    fn few_files_have_all_the_slots_of_200_000_keys() {
        let devices = || (30..130).chain(200..300);
        let others = || [2, 5, 20, 25, 0x80_0001, 0xfd0_0002].into_iter();
        // On overlays over file systems in memory, which all count from one.
        let keys = devices().flat_map(|device| (2..1_002).map(move |inode| TrapKey::new(device, inode)));
        let files = others().flat_map(|device| (2..20_000).map(move |inode| TrapKey::new(device, inode)));
        let counted = through(keys, files);
        assert!(counted[0] < 0.1 && counted[1] < 0.02 && counted[2] < 0.008, "{counted:?}");
        // On disks, whose numbers are anywhere.
        let anywhere = |index: u64| index.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 40;
        let keys = devices()
            .flat_map(|device| (0..1_000).map(move |inode| TrapKey::new(device, anywhere(u64::from(device) << 32 | inode))));
        let files = others().flat_map(|device| (0..20_000).map(move |inode| TrapKey::new(device, anywhere(inode + 7_000_000))));
        let counted = through(keys, files);
        assert!(counted[0] < 0.1 && counted[1] < 0.02 && counted[2] < 0.008, "{counted:?}");
    }
}
