//! The check of every open on the node: loads and comparisons, no call, and nothing kept on the stack.

use koney_common::{
    Gate, TrapKey,
    name::{INLINE_NAME, SHORT_NAME, short_name, word_hash},
    offsets::{DENTRY_WORDS, FILE_WORDS, INODE_WORDS},
};

use crate::{
    candidate, gate,
    kernel::{
        KernelPtr,
        file::{self, FMODE_NOACCOUNT},
        object::{Probed, Room},
        offset, opaque,
        reads::{Address, part},
        relocated::{Typed, member},
    },
    maps::{CANDIDATES, TRAPS},
    open::{self, FMODE_WRITE},
    overlay,
};

/// Why somebody has to look more closely.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Reason {
    /// The file has the slots of an armed one, and perhaps they are another's.
    Armed,
    /// The file may be a trap for another reason.
    File,
    /// An overlay may have opened it for a thread that has touched a trap.
    Awaited,
    /// It is the root of a mount, whose place may have another name.
    Mounted,
}

/// Nothing for nearly every open. `again` is the same file, not kept in a register until it is needed.
#[inline(always)]
pub(crate) fn of_interest(file: Typed, again: impl Fn() -> Typed) -> Option<Reason> {
    let gate = gate::value();
    if gate::key(gate, key(file)) {
        return Some(Reason::Armed);
    }
    besides_identity(gate, file, again)
}

/// The questions after that for the file's identity.
#[inline(always)]
fn besides_identity(gate: *mut Gate, file: Typed, again: impl Fn() -> Typed) -> Option<Reason> {
    let dentry = file.follow::<{ member::DENTRY }>();
    if file.follow::<{ member::MOUNT }>().follow::<{ member::MOUNT_ROOT }>() == dentry {
        return Some(Reason::Mounted);
    }
    if is_named(gate, dentry) {
        return Some(Reason::File);
    }
    unless_quiet(gate, || again().half::<{ member::MODE }>())
}

/// The questions that are asked while somebody arms, or a thread has touched a trap on an overlay.
#[inline(always)]
fn unless_quiet(gate: *mut Gate, mode: impl FnOnce() -> u32) -> Option<Reason> {
    if gate::is_quiet(gate) {
        return None;
    }
    if gate::arming(gate) {
        return Some(Reason::File);
    }
    (mode() & (FMODE_NOACCOUNT | FMODE_WRITE) != 0).then_some(Reason::Awaited)
}

/// The kernel's identity of a file. Number and device are asked for in one question, although the device lies in another object: file systems
/// count their inodes alike, so with many traps nearly every file has the number of one.
#[inline(always)]
fn key(file: Typed) -> TrapKey {
    let inode = file.follow::<{ member::INODE }>();
    let device = inode.follow::<{ member::SUPER_BLOCK }>().half::<{ member::DEVICE }>();
    TrapKey::new(device, inode.word::<{ member::INODE_NUMBER }>())
}

/// Some decoy's name falls into the slots of the entry's.
#[inline(always)]
fn is_named(gate: *mut Gate, dentry: Typed) -> bool {
    is_decoys_name(gate, dentry.half::<{ member::NAME_LENGTH }>(), || dentry.word::<{ member::INLINE_NAME }>())
}

/// Some decoy's name falls into the slots of a name of this length, whose first eight bytes `first` gives if they stand in the entry itself.
#[inline(always)]
fn is_decoys_name(gate: *mut Gate, length: u32, first: impl FnOnce() -> u64) -> bool {
    let mut word = 0;
    if length < INLINE_NAME {
        word = first();
        if length < SHORT_NAME {
            // Opaque, or the compiler would shift the words of all names, by zero.
            word = opaque(short_name(length, word));
        }
    }
    gate::name(gate, word_hash(length, word))
}

/// The same check by reads, for a kprobe that cannot load.
#[inline(always)]
pub(crate) fn of_interest_by_reads(file: Address) -> Option<Reason> {
    let gate = gate::value();
    let (inode, dentry, mount) = {
        // Rooms are free again when the next object is read: the stacks of a program and of all that it calls are 512 bytes together.
        let mut room = Room::uninit();
        let file = file.part::<FILE_WORDS, { part::FILE }>(&mut room);
        (file.word::<{ member::INODE }>(), Address(file.word::<{ member::DENTRY }>()), Address(file.word::<{ member::MOUNT }>()))
    };
    let (number, super_block) = {
        let mut room = Room::uninit();
        let inode = Address(inode).part::<INODE_WORDS, { part::INODE }>(&mut room);
        (inode.word::<{ member::INODE_NUMBER }>(), Address(inode.word::<{ member::SUPER_BLOCK }>()))
    };
    if gate::key(gate, TrapKey::new(super_block.half::<{ member::DEVICE }>(), number)) {
        return Some(Reason::File);
    }
    let is_named = {
        let mut room = Room::uninit();
        let entry = dentry.part::<DENTRY_WORDS, { part::ENTRY }>(&mut room);
        is_decoys_name(gate, entry.half::<{ member::NAME_LENGTH }>(), || entry.word::<{ member::INLINE_NAME }>())
    };
    if is_named {
        return Some(Reason::File);
    }
    if mount.word::<{ member::MOUNT_ROOT }>() == dentry.0 {
        return Some(Reason::Mounted);
    }
    unless_quiet(gate, || file.half::<{ member::MODE }>())
}

/// A file with the slots of an armed one is that one, or there is another reason.
#[inline(always)]
pub(crate) fn is_more_than_its_slots(file: impl Fn() -> Typed) -> bool {
    let key = key(file());
    // SAFETY: what is found is not looked at.
    let is_armed = unsafe { TRAPS.get(key) }.is_some();
    // SAFETY: as above.
    is_armed || unsafe { CANDIDATES.get(key) }.is_some() || besides_identity(gate::value(), file(), file).is_some()
}

/// Looks more closely; 1 where there is a record. A function of its own, so that the check of every open needs neither a stack nor a register
/// that has to be kept.
#[inline(never)]
pub(crate) fn look(file: u64, reason: u64) -> u64 {
    if is_enough(file, reason) { open::koney_opened(file) } else { 0 }
}

/// The same for a program that has a stack already, of which all calls down to the record share 512 bytes (5.10 and 6.1: "combined stack size of 6
/// calls is 544"): it returns before the record is written.
#[inline(always)]
pub(crate) fn look_by_reads(file: u64, reason: u64) -> u64 {
    if by_reads_is_enough(file, reason) == 0 { 0 } else { open::koney_opened(file) }
}

#[inline(never)]
fn by_reads_is_enough(file: u64, reason: u64) -> u64 {
    u64::from(is_enough(file, reason))
}

/// The reason holds for this file.
#[inline(always)]
fn is_enough(file: u64, reason: u64) -> bool {
    const AWAITED: u64 = Reason::Awaited as u64;
    const MOUNTED: u64 = Reason::Mounted as u64;
    let gate = gate::value();
    match reason {
        AWAITED => overlay::pending(gate),
        MOUNTED => is_mounted_by_name(KernelPtr(file)) || gate::arming(gate) || overlay::pending(gate),
        _ => true,
    }
}

/// The file, or the place where it is mounted, may have a decoy's name.
#[inline(always)]
fn is_mounted_by_name(file: KernelPtr) -> bool {
    let (mount, dentry) = (file.next(offset!(file_mount)), file.next(offset!(file_dentry)));
    may_be_named(dentry) || candidate::mountpoint(mount, dentry).is_some_and(may_be_named)
}

#[inline(always)]
fn may_be_named(dentry: KernelPtr) -> bool {
    let mut room = Room::uninit();
    file::hash_of_name(&file::entry(Probed(dentry), &mut room)).is_some_and(|hash| gate::name(gate::value(), hash))
}
