//! The record of one access, taken while the accessing process is still inside its open.

mod arguments;
mod cgroup;
mod path;
pub(crate) mod pids;
mod process;

use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_task, bpf_ktime_get_boot_ns},
};
use koney_common::{
    Record, TrapKey,
    record::{CHECK_IDENTITY, OPERATION_OPEN, VERSION, valid},
};

use crate::{
    kernel::{KernelPtr, offset},
    maps::RECORDS,
};

/// What the check found.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    /// The `struct file`.
    pub(crate) file: KernelPtr,
    /// Its identity.
    pub(crate) key: TrapKey,
    /// The trap that is armed for it.
    pub(crate) trap: u32,
    /// Opened by an overlay on behalf of the process.
    pub(crate) nested: bool,
}

/// Writes the record into the ring; false where there was no room.
///
/// The record is built in the ring's own memory: a per-CPU scratch buffer would be overwritten by whoever preempts this program.
#[inline(always)]
pub(crate) fn emit<C: EbpfContext>(ctx: &C, access: Access) -> bool {
    let Some(mut slot) = RECORDS.reserve(0) else {
        aya_log_ebpf::warn!(ctx, "ring full: access to trap {} dropped", access.trap);
        return false;
    };
    // SAFETY: ring memory is zeroed when the ring is made and holds earlier records after that, so every byte is initialised, and
    // `Record` is integers only: any bytes are a valid value. The reservation is exclusive until it is submitted.
    let record: &mut Record = unsafe { &mut *slot.as_mut_ptr() };
    fill(record, access);
    slot.submit(0);
    aya_log_ebpf::debug!(ctx, "trap {} opened", access.trap);
    true
}

#[inline(always)]
fn fill(record: &mut Record, access: Access) {
    record.version = VERSION;
    record.operation = OPERATION_OPEN;
    record.check = CHECK_IDENTITY;
    record.padding = 0;
    record.valid = if access.nested { valid::NESTED } else { 0 };
    // SAFETY: takes no argument and reads no memory.
    record.time_ns = unsafe { bpf_ktime_get_boot_ns() };
    record.inode = access.key.inode;
    record.device = access.key.device;
    record.trap = access.trap;
    if let Some(flags) = access.file.read(offset!(file_flags)) {
        record.open_flags = flags;
        record.valid |= valid::OPEN_FLAGS;
    }
    record.generation = 0;
    let inode = access.file.follow(offset!(file_inode));
    if let Some(generation) = inode.and_then(|inode| inode.read(offset!(inode_generation))) {
        record.generation = generation;
        record.valid |= valid::GENERATION;
    }
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    process::capture(record, task);
    cgroup::capture(record, task);
    arguments::capture(record, task);
    path::capture(record, task, access.file);
}
