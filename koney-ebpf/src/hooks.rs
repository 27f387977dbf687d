//! The attach points. Each is one call; none decides anything about the open itself.
#![expect(clippy::needless_pass_by_value, reason = "the attach macros hand the context over by value")]

use aya_ebpf::{
    macros::{fentry, kprobe, lsm},
    programs::{FEntryContext, LsmContext, ProbeContext},
};

use crate::{
    kernel::{
        KernelPtr,
        file::{Probed, Typed},
    },
    open,
};

/// LSM `file_open`: `int file_open(struct file *file)`, since 5.7 where `bpf` is in `/sys/kernel/security/lsm`.
///
/// Returns 0, which keeps the verdict: the trampoline calls a later BPF program of the hook only while every earlier one returned 0
/// (`arch/x86/net/bpf_jit_comp.c`, `invoke_bpf_mod_ret`), so the previous verdict is 0 whenever this runs.
#[lsm(hook = "file_open")]
pub(crate) fn lsm_file_open(ctx: LsmContext) -> i32 {
    open::seen(&ctx, Typed(ctx.arg(0)));
    0
}

/// fentry `security_file_open`: `int security_file_open(struct file *file)`, since 5.5 (arm64 since 6.4).
#[fentry(function = "security_file_open")]
pub(crate) fn fentry_file_open(ctx: FEntryContext) -> i32 {
    open::seen(&ctx, Typed(ctx.arg(0)));
    0
}

/// kprobe on `security_file_open`: needs neither trampolines nor a list, and no typed pointer comes with it.
#[kprobe]
pub(crate) fn kprobe_file_open(ctx: ProbeContext) -> u32 {
    if let Some(file) = ctx.arg::<u64>(0) {
        open::seen(&ctx, Probed(KernelPtr(file)));
    }
    0
}
