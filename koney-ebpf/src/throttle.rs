//! The first access of a process to a trap always passes; what it does again is counted.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task, bpf_ktime_get_boot_ns};
use koney_common::{Repeats, RepeatsKey, TrapKey, throttle::ACCESS_MODE};

use crate::{
    counters::add_one,
    kernel::{KernelPtr, config, offset},
    maps::REPEATS,
};

const BPF_NOEXIST: u64 = 1;

/// Under which key the current process's accesses to the file are counted; `None` where repeats are recorded like first ones.
#[inline(always)]
pub(crate) fn key(file: KernelPtr, of: TrapKey) -> Option<RepeatsKey> {
    if config!(throttle) == 0 {
        return None;
    }
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    let leader = task.follow(offset!(task_group_leader));
    Some(RepeatsKey {
        file: of,
        start_time_ns: leader.and_then(|leader| leader.read(offset!(task_start_time))).unwrap_or(0),
        init_pid: (bpf_get_current_pid_tgid() >> 32) as u32,
        access_mode: file.read::<u32>(offset!(file_flags)).unwrap_or(0) & ACCESS_MODE,
    })
}

/// True for an access that was counted and needs no record.
#[inline(always)]
pub(crate) fn repeated(key: &RepeatsKey) -> bool {
    // SAFETY: takes no argument and reads no memory.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if counted(key, now) {
        return true;
    }
    let first = Repeats { first_ns: now, last_ns: now, count: 0 };
    // Where another thread of the process was faster, this is a repeat; where there is no room, a record too many is no harm.
    REPEATS.insert(key, first, BPF_NOEXIST).is_err() && counted(key, now)
}

/// Forgets a first access that could not be recorded, so that the next one is the first.
#[inline(always)]
pub(crate) fn forget(key: &RepeatsKey) {
    // An error means that it was forgotten already.
    let _gone = REPEATS.remove(key);
}

#[inline(always)]
fn counted(key: &RepeatsKey, now: u64) -> bool {
    let Some(entry) = REPEATS.get_ptr_mut(key) else { return false };
    // SAFETY: the entry of an LRU map is never freed; one that is given to another key meanwhile has a wrong count at worst, and the
    // totals per CPU do not depend on it.
    let count = unsafe { &raw mut (*entry).count };
    add_one(count);
    // SAFETY: as above.
    unsafe { (*entry).last_ns = now };
    true
}
