//! fexit, where the verdict is asked for: it is beside the arguments (since 5.5; arm64 since 6.4).
#![expect(clippy::needless_pass_by_value, reason = "the attach macros hand the context over by value")]

use aya_ebpf::{EbpfContext as _, macros::fexit, programs::FExitContext};

use crate::{
    denied,
    kernel::{argument_word, config, object::Typed},
};

/// `int inode_permission([struct mnt_idmap *idmap,] struct inode *inode, int mask)` of `fs/namei.c`, the first argument since 5.12.
#[fexit(function = "inode_permission")]
pub(crate) fn fexit_denied(ctx: FExitContext) -> i32 {
    if config!(permission_inode) == 0 {
        checked(&ctx, 0);
    } else {
        checked(&ctx, 1);
    }
    0
}

/// The arguments begin with the inode, at `first`; behind the last stands the verdict.
#[inline(always)]
fn checked(ctx: &FExitContext, first: usize) {
    let (mask, verdict): (i32, i32) = (ctx.arg(first + 1), ctx.arg(first + 2));
    if denied::is_of_interest(Typed(ctx.arg(first)), mask, verdict)
        && denied::koney_denied(argument_word(ctx.as_ptr(), first)) != 0
    {
        aya_log_ebpf::debug!(ctx, "a denied open was recorded");
    }
}
