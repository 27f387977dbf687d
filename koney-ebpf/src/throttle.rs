//! The first access of a process to a trap always passes; what it does again is counted.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use koney_common::{Repeats, RepeatsKey, TrapKey};

use crate::{
    counters::add,
    kernel::{KernelPtr, offset},
    maps::REPEATS,
};

const BPF_NOEXIST: u64 = 1;

/// True for a touch that was counted and needs no record.
#[inline(never)]
pub(crate) fn repeated(task: u64, inode: u64, device: u32, operation: u8) -> bool {
    let key = key(task, inode, device, operation);
    // SAFETY: takes no argument and reads no memory.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if counted(&key, now) {
        return true;
    }
    let first = Repeats { first_ns: now, last_ns: now, count: 0 };
    // Where another thread of the process was faster, this is a repeat; where there is no room, a record too many is no harm.
    REPEATS.insert(key, first, BPF_NOEXIST).is_err() && counted(&key, now)
}

/// Forgets a first touch that could not be recorded, so that the next one is the first.
#[inline(never)]
pub(crate) fn forget(task: u64, inode: u64, device: u32, operation: u8) -> bool {
    REPEATS.remove(key(task, inode, device, operation)).is_ok()
}

/// Under which key the process's touches of the file are counted.
#[inline(always)]
fn key(task: u64, inode: u64, device: u32, operation: u8) -> RepeatsKey {
    let leader = KernelPtr(task).follow(offset!(task_group_leader));
    RepeatsKey {
        file: TrapKey::new(device, inode),
        start_time_ns: leader.and_then(|leader| leader.read(offset!(task_start_time))).unwrap_or(0),
        init_pid: (bpf_get_current_pid_tgid() >> 32) as u32,
        operation: u32::from(operation),
    }
}

#[inline(always)]
fn counted(key: &RepeatsKey, now: u64) -> bool {
    let Some(entry) = REPEATS.get_ptr_mut(key) else { return false };
    // SAFETY: the entry of an LRU map is never freed; one that is given to another key meanwhile has a wrong count at worst, and the
    // totals per CPU do not depend on it.
    let count = unsafe { &raw mut (*entry).count };
    add(count, 1);
    // SAFETY: as above.
    unsafe { (*entry).last_ns = now };
    true
}
