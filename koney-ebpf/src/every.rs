//! The check of every open on the node: loads and comparisons, no call, and nothing kept on the stack.

use koney_common::{
    Gate, TrapKey,
    name::{INLINE_NAME, SHORT_NAME, short_name, word_hash},
};

use crate::{
    candidate, gate,
    kernel::{
        KernelPtr,
        file::{self, FMODE_NOACCOUNT},
        object::{Probed, Room},
        offset, opaque,
        relocated::{Typed, member},
    },
    open::{self, FMODE_WRITE},
    overlay,
};

/// Why somebody has to look more closely.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Reason {
    /// The file is, or may be, a trap.
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
    if is_armed(gate, file.follow::<{ member::INODE }>()) {
        return Some(Reason::File);
    }
    let dentry = file.follow::<{ member::DENTRY }>();
    if file.follow::<{ member::MOUNT }>().follow::<{ member::MOUNT_ROOT }>() == dentry {
        return Some(Reason::Mounted);
    }
    if is_named(gate, dentry) {
        return Some(Reason::File);
    }
    if gate::is_quiet(gate) {
        return None;
    }
    if gate::arming(gate) {
        return Some(Reason::File);
    }
    (again().half::<{ member::MODE }>() & (FMODE_NOACCOUNT | FMODE_WRITE) != 0).then_some(Reason::Awaited)
}

/// Something is armed in the inode's slots.
#[inline(always)]
fn is_armed(gate: *mut Gate, inode: Typed) -> bool {
    if !gate::inode(gate, inode.half::<{ member::INODE_NUMBER }>()) {
        return false;
    }
    let number = inode.word::<{ member::INODE_NUMBER }>();
    let device = inode.follow::<{ member::SUPER_BLOCK }>().half::<{ member::DEVICE }>();
    gate::key(gate, TrapKey::new(device, number))
}

/// Some decoy's name falls into the slot of the entry's.
#[inline(always)]
fn is_named(gate: *mut Gate, dentry: Typed) -> bool {
    let length = dentry.half::<{ member::NAME_LENGTH }>();
    let mut word = 0;
    if length < INLINE_NAME {
        word = dentry.word::<{ member::INLINE_NAME }>();
        if length < SHORT_NAME {
            // Opaque, or the compiler would shift the words of all names, by zero.
            word = opaque(short_name(length, word));
        }
    }
    gate::name(gate, word_hash(length, word))
}

/// Looks more closely; 1 where there is a record. A function of its own, so that the check of every open needs neither a stack nor a register
/// that has to be kept.
#[inline(never)]
pub(crate) fn look(file: u64, reason: u64) -> u64 {
    const AWAITED: u64 = Reason::Awaited as u64;
    const MOUNTED: u64 = Reason::Mounted as u64;
    let file = KernelPtr(file);
    let is_nothing = match reason {
        AWAITED => !overlay::pending(gate::value()),
        MOUNTED => !(is_mounted_by_name(file) || gate::arming(gate::value()) || overlay::pending(gate::value())),
        _ => false,
    };
    if is_nothing { 0 } else { open::koney_opened(file.0) }
}

/// The file, or the place where it is mounted, may have a decoy's name.
///
/// What `open::Opened` asks too, by single reads: its copy of the file lies on the stack, of which all calls from the program down to the record share
/// 512 bytes (5.10 and 6.1: "combined stack size of 7 calls is 544").
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
