//! kprobes on the same functions: they need neither trampolines nor a list, and no typed pointer comes with them.
#![expect(clippy::needless_pass_by_value, reason = "the attach macros hand the context over by value")]

use aya_ebpf::{macros::kprobe, programs::ProbeContext};
use koney_common::record::operation;

use super::{Arguments, attributes, changed, copied_up, file_open, linked, placed, rename_from, rename_to};
use crate::{
    every,
    kernel::{KernelPtr, config, object::Probed, reads::Address, relocated},
};

impl Arguments for ProbeContext {
    type Object = Probed;

    #[inline(always)]
    fn object(&self, index: usize) -> Option<Probed> {
        self.arg::<u64>(index).map(|address| Probed(KernelPtr(address)))
    }

    #[inline(always)]
    fn word(&self, index: usize) -> u64 {
        self.arg(index).unwrap_or(0)
    }
}

/// Where the kernel casts an address to a type, since 6.2: by loads.
#[kprobe]
pub(crate) fn kprobe_file_open(ctx: ProbeContext) -> u32 {
    file_open!(ProbeContext, |ctx: &ProbeContext| relocated::Typed::cast(ctx.word(0)))(&ctx);
    0
}

/// Before: by probe reads.
#[kprobe]
pub(crate) fn kprobe_file_open_by_reads(ctx: ProbeContext) -> u32 {
    let file = ctx.word(0);
    if every::of_interest_by_reads(Address(file)).is_some_and(|reason| every::look_by_reads(file, reason as u64) != 0) {
        aya_log_ebpf::debug!(&ctx, "an open was recorded");
    }
    0
}

#[kprobe]
pub(crate) fn kprobe_unlink(ctx: ProbeContext) -> u32 {
    changed(&ctx, 1, operation::UNLINK);
    0
}

#[kprobe]
pub(crate) fn kprobe_rename_from(ctx: ProbeContext) -> u32 {
    rename_from(&ctx);
    0
}

#[kprobe]
pub(crate) fn kprobe_rename_to(ctx: ProbeContext) -> u32 {
    rename_to(&ctx);
    0
}

#[kprobe]
pub(crate) fn kprobe_link(ctx: ProbeContext) -> u32 {
    linked(&ctx);
    0
}

#[kprobe]
pub(crate) fn kprobe_symlink(ctx: ProbeContext) -> u32 {
    placed(&ctx, 1, None, operation::SYMLINK);
    0
}

// The registers are at fixed offsets: an index that is not known here would be a "modified ctx ptr" to the verifier.

#[kprobe]
pub(crate) fn kprobe_setattr(ctx: ProbeContext) -> u32 {
    if config!(setattr_dentry) == 0 {
        attributes(&ctx, 0);
    } else {
        attributes(&ctx, 1);
    }
    0
}

#[kprobe]
pub(crate) fn kprobe_setxattr(ctx: ProbeContext) -> u32 {
    if config!(setxattr_dentry) == 0 {
        changed(&ctx, 0, operation::SETXATTR);
    } else {
        changed(&ctx, 1, operation::SETXATTR);
    }
    0
}

/// `int security_inode_copy_up(struct dentry *src, struct cred **new)`.
#[kprobe]
pub(crate) fn kprobe_copy_up(ctx: ProbeContext) -> u32 {
    copied_up(&ctx);
    0
}
