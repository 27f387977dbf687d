//! What the closer look reads of a file, and the checks of tampering of a directory entry.

use koney_common::{
    Gate, TrapKey,
    name::{INLINE_NAME, name_hash},
    offsets::{DENTRY_WORDS, INODE_WORDS},
};

use super::{
    KernelPtr, config,
    object::{Object, Part, Room},
    offset,
};
use crate::gate;

/// An overlay opens the file behind the one that was asked for with this mode bit (`FMODE_NOACCOUNT`, `include/linux/fs.h`; set by
/// `alloc_empty_file_noaccount`, since 6.5 by `alloc_empty_backing_file`, `fs/file_table.c`). No system call can set it. Seen on 5.10
/// to 7.3.
pub(crate) const FMODE_NOACCOUNT: u32 = 0x2000_0000;
/// `OVERLAYFS_SUPER_MAGIC`, `include/uapi/linux/magic.h`.
const OVERLAY: u64 = 0x794c_7630;

/// The kernel's identity of an inode.
#[inline(always)]
pub(crate) fn key<O: Object>(inode: O) -> Option<TrapKey> {
    let super_block = inode.pointer(offset!(inode_super_block))?;
    Some(TrapKey::new(super_block.value(offset!(super_block_device))?, inode.value(offset!(inode_number))?))
}

/// Something is armed in the inode's slots of the gate. For the check of every change.
#[inline(always)]
pub(crate) fn is_in_gate<O: Object>(gate: *mut Gate, inode: O) -> bool {
    let mut room = Room::<INODE_WORDS>::uninit();
    let inode = inode.part(config!(inode), &mut room);
    let Some(number) = inode.value::<u64>(offset!(inode_number)) else { return false };
    let Some(super_block) = inode.pointer(offset!(inode_super_block)) else { return false };
    super_block.value(offset!(super_block_device)).is_some_and(|device| gate::key(gate, TrapKey::new(device, number)))
}

/// What the checks read of a `struct dentry`.
#[inline(always)]
pub(crate) fn entry<O: Object>(dentry: O, room: &mut Room<DENTRY_WORDS>) -> O::Part<'_, DENTRY_WORDS> {
    dentry.part(config!(dentry), room)
}

/// What the gate's slots for the entry's name are made of.
#[inline(always)]
pub(crate) fn hash_of_name<P: Part>(entry: &P) -> Option<u64> {
    let length: u32 = entry.value(offset!(dentry_name_length))?;
    let first: u64 = if length < INLINE_NAME { entry.value(offset!(dentry_inline_name))? } else { 0 };
    Some(name_hash(length, first))
}

/// The inode lies on an overlay.
#[inline(always)]
pub(crate) fn on_overlay(inode: KernelPtr) -> bool {
    is_overlay(inode.next(offset!(inode_super_block)))
}

/// The super block is an overlay's.
#[inline(always)]
pub(crate) fn is_overlay(super_block: KernelPtr) -> bool {
    super_block.read::<u64>(offset!(super_block_magic)) == Some(OVERLAY)
}
