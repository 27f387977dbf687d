//! fentry on the `security_*` functions, since 5.5 (arm64 since 6.4; arguments: `include/linux/security.h`).
#![expect(clippy::needless_pass_by_value, reason = "the attach macros hand the context over by value")]

use aya_ebpf::{EbpfContext as _, macros::fentry, programs::FEntryContext};
use koney_common::record::operation;

use super::{Arguments, attributes, changed, copied_up, file_open, linked, placed, rename_from, rename_to};
use crate::kernel::{argument_word, config, object::Typed, relocated};

impl Arguments for FEntryContext {
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

/// `int security_file_open(struct file *file)`.
#[fentry(function = "security_file_open")]
pub(crate) fn fentry_file_open(ctx: FEntryContext) -> i32 {
    file_open!(FEntryContext, |ctx: &FEntryContext| relocated::Typed::first_argument(ctx.as_ptr()))(&ctx);
    0
}

/// `int security_inode_unlink(struct inode *dir, struct dentry *dentry)`.
#[fentry(function = "security_inode_unlink")]
pub(crate) fn fentry_unlink(ctx: FEntryContext) -> i32 {
    changed(&ctx, 1, operation::UNLINK);
    0
}

/// `int security_inode_rename(struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir, struct dentry *new_dentry,
/// unsigned int flags)`.
#[fentry(function = "security_inode_rename")]
pub(crate) fn fentry_rename_from(ctx: FEntryContext) -> i32 {
    rename_from(&ctx);
    0
}

/// The other side of the same function.
#[fentry(function = "security_inode_rename")]
pub(crate) fn fentry_rename_to(ctx: FEntryContext) -> i32 {
    rename_to(&ctx);
    0
}

/// `int security_inode_link(struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry)`.
#[fentry(function = "security_inode_link")]
pub(crate) fn fentry_link(ctx: FEntryContext) -> i32 {
    linked(&ctx);
    0
}

/// `int security_inode_symlink(struct inode *dir, struct dentry *dentry, const char *old_name)`.
#[fentry(function = "security_inode_symlink")]
pub(crate) fn fentry_symlink(ctx: FEntryContext) -> i32 {
    placed(&ctx, 1, None, operation::SYMLINK);
    0
}

/// `int security_inode_setattr([struct mnt_idmap *idmap,] struct dentry *dentry, struct iattr *attr)`, the first argument since 6.0.
#[fentry(function = "security_inode_setattr")]
pub(crate) fn fentry_setattr(ctx: FEntryContext) -> i32 {
    if config!(setattr_dentry) == 0 {
        attributes(&ctx, 0);
    } else {
        attributes(&ctx, 1);
    }
    0
}

/// `int security_inode_setxattr([struct mnt_idmap *idmap,] struct dentry *dentry, const char *name, …)`, the first argument since 5.12.
#[fentry(function = "security_inode_setxattr")]
pub(crate) fn fentry_setxattr(ctx: FEntryContext) -> i32 {
    if config!(setxattr_dentry) == 0 {
        changed(&ctx, 0, operation::SETXATTR);
    } else {
        changed(&ctx, 1, operation::SETXATTR);
    }
    0
}

/// `int security_inode_copy_up(struct dentry *src, struct cred **new)`.
#[fentry(function = "security_inode_copy_up")]
pub(crate) fn fentry_copy_up(ctx: FEntryContext) -> i32 {
    copied_up(&ctx);
    0
}
