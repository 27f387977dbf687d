//! Programs that do nothing: what each way of attaching costs by itself, for the count of what koney adds. Never loaded by the agent.

use aya_ebpf::{
    macros::{fentry, kprobe, lsm},
    programs::{FEntryContext, LsmContext, ProbeContext},
};

#[lsm(hook = "file_open")]
pub(crate) fn floor_lsm(_ctx: LsmContext) -> i32 {
    0
}

#[fentry(function = "security_file_open")]
pub(crate) fn floor_fentry(_ctx: FEntryContext) -> i32 {
    0
}

#[kprobe]
pub(crate) fn floor_kprobe(_ctx: ProbeContext) -> u32 {
    0
}
