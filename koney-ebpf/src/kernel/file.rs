//! What the check of every open reads of a file, and the checks of tampering of a directory entry.

use koney_common::{TrapKey, name::name_slot, offsets::ABSENT};

use super::{KernelPtr, object::Object, offset};

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

/// The inode of a `struct file`.
#[inline(always)]
pub(crate) fn inode<O: Object>(file: O) -> Option<O> {
    file.pointer(offset!(file_inode))
}

/// A member of the embedded `file.f_path`.
#[inline(always)]
fn in_path(member: u16) -> u16 {
    let path = offset!(file_path);
    if path == ABSENT || member == ABSENT { ABSENT } else { path + member }
}

/// The directory entry of a `struct file`.
#[inline(always)]
pub(crate) fn dentry<O: Object>(file: O) -> Option<O> {
    file.pointer(in_path(offset!(path_dentry)))
}

/// The `struct vfsmount` of a `struct file`.
#[inline(always)]
pub(crate) fn mount<O: Object>(file: O) -> Option<O> {
    file.pointer(in_path(offset!(path_mount)))
}

/// The gate's slot for the entry's name.
#[inline(always)]
pub(crate) fn slot_of_name<O: Object>(dentry: O) -> Option<usize> {
    let length: u32 = dentry.value(offset!(dentry_name_length))?;
    let first: u64 = if length < u32::from(offset!(inline_name_size)) {
        dentry.value(offset!(dentry_inline_name))?
    } else {
        // Not in the dentry, and its address is a number to the verifier.
        dentry.address().follow(offset!(dentry_name))?.read(0)?
    };
    Some(name_slot(length, first))
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
