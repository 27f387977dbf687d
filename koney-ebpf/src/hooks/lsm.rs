//! LSM hooks, since 5.7 where `bpf` is in `/sys/kernel/security/lsm` (arguments: `include/linux/lsm_hook_defs.h`).
#![expect(clippy::needless_pass_by_value, reason = "the attach macros hand the context over by value")]

use aya_ebpf::{EbpfContext as _, macros::lsm, programs::LsmContext};
use koney_common::record::operation;

use super::{Arguments, attributes, changed, copied_up, file_open, linked, placed};
use crate::kernel::{argument_word, config, object::Typed, relocated};

impl Arguments for LsmContext {
    type Object = Typed;

    #[inline(always)]
    fn object(&self, index: usize) -> Option<Typed> {
        Some(Typed(self.arg(index)))
    }

    #[inline(always)]
    fn word(&self, index: usize) -> u64 {
        argument_word(self.as_ptr(), index)
    }
}

/// `int file_open(struct file *file)`.
#[lsm(hook = "file_open")]
pub(crate) fn lsm_file_open(ctx: LsmContext) -> i32 {
    file_open!(LsmContext, |ctx: &LsmContext| relocated::Typed::first_argument(ctx.as_ptr()))(&ctx);
    0
}

/// `int inode_unlink(struct inode *dir, struct dentry *dentry)`.
#[lsm(hook = "inode_unlink")]
pub(crate) fn lsm_unlink(ctx: LsmContext) -> i32 {
    changed(&ctx, 1, operation::UNLINK);
    0
}

/// `int inode_rename(struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir, struct dentry *new_dentry)`; called
/// twice for an exchange (`security/security.c`, `security_inode_rename`).
#[lsm(hook = "inode_rename")]
pub(crate) fn lsm_rename_from(ctx: LsmContext) -> i32 {
    changed(&ctx, 1, operation::RENAME);
    0
}

/// The other side of the same hook.
#[lsm(hook = "inode_rename")]
pub(crate) fn lsm_rename_to(ctx: LsmContext) -> i32 {
    placed(&ctx, 3, Some(1), operation::REPLACE);
    0
}

/// `int inode_link(struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry)`.
#[lsm(hook = "inode_link")]
pub(crate) fn lsm_link(ctx: LsmContext) -> i32 {
    linked(&ctx);
    0
}

/// `int inode_symlink(struct inode *dir, struct dentry *dentry, const char *old_name)`.
#[lsm(hook = "inode_symlink")]
pub(crate) fn lsm_symlink(ctx: LsmContext) -> i32 {
    placed(&ctx, 1, None, operation::SYMLINK);
    0
}

/// `int inode_setattr([struct mnt_idmap *idmap,] struct dentry *dentry, struct iattr *attr)`, the first argument since 6.9.
#[lsm(hook = "inode_setattr")]
pub(crate) fn lsm_setattr(ctx: LsmContext) -> i32 {
    if config!(lsm_setattr_dentry) == 0 {
        attributes(&ctx, 0);
    } else {
        attributes(&ctx, 1);
    }
    0
}

/// `int inode_setxattr([struct mnt_idmap *idmap,] struct dentry *dentry, const char *name, …)`, the first argument since 5.12.
#[lsm(hook = "inode_setxattr")]
pub(crate) fn lsm_setxattr(ctx: LsmContext) -> i32 {
    if config!(lsm_setxattr_dentry) == 0 {
        changed(&ctx, 0, operation::SETXATTR);
    } else {
        changed(&ctx, 1, operation::SETXATTR);
    }
    0
}

/// `int inode_copy_up(struct dentry *src, struct cred **new)`.
#[lsm(hook = "inode_copy_up")]
pub(crate) fn lsm_copy_up(ctx: LsmContext) -> i32 {
    copied_up(&ctx);
    0
}
