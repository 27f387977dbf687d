//! A touch that is to be told: as a record, as a count, or, where the ring is full, in few words.
//!
//! [`koney_tell`] and [`capture::koney_record`] are global functions: the verifier assumes nothing of their arguments and follows each of
//! them once for a program (`kernel/bpf/verifier.c`, `do_check_subprogs`, since 5.6). Inlined, every way through the checks would be
//! followed through the whole capture, and a program of these hooks would be "too large" after a million steps.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task};
use koney_common::{
    Counter, TrapKey,
    identity::{CANARY_TRAP, UNDECIDED_TRAP},
    name::{CANDIDATES_PER_WINDOW, PROCESSES_PER_WINDOW},
};

use crate::{
    candidate,
    capture::{self, Touch, Words},
    counters::count,
    crowd, gate,
    kernel::{KernelPtr, config, file, object::Probed, offset},
    slot, throttle,
};

/// Tells of a touch of an armed file, or of a candidate; 1 where there is a record.
#[inline(always)]
pub(crate) fn tell(touch: Touch) -> u64 {
    let flags = u64::from(touch.flags.unwrap_or(0));
    koney_tell(touch.inode.0, touch.spot.mount.0, touch.spot.dentry.0, Words::of(touch).0, flags)
}

/// 0 where there is no record.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn koney_tell(inode: u64, mount: u64, dentry: u64, words: u64, flags: u64) -> u64 {
    let trap = Words(words).trap();
    if trap == CANARY_TRAP {
        // Every touch of it is to be seen, and none is an access.
        count(Counter::Canary);
        return capture::koney_record(inode, mount, dentry, words, flags);
    }
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    if !tells(task.0) {
        return 0;
    }
    let key = file::key(Probed(KernelPtr(inode))).unwrap_or_default();
    let undecided = trap == UNDECIDED_TRAP;
    if !is_to_be_recorded(task, key, Words(words), undecided) {
        return 0;
    }
    if capture::koney_record(inode, mount, dentry, words, flags) != 0 {
        count(if undecided { Counter::CandidatesEmitted } else { Counter::Emitted });
        return 1;
    }
    let operation = Words(words).operation();
    throttle::forget(task.0, key.inode, key.device, operation);
    if undecided {
        count(Counter::CandidatesDropped);
    } else if slot::keep(task.0, key.inode, key.device, trap, operation) {
        count(Counter::Slotted);
    } else {
        count(Counter::Dropped);
    }
    0
}

/// This set of programs is the one that tells, and the process is not the next agent, which opens the traps to arm them before it takes over.
///
/// A function of its own for its stack, which the record's does not lie upon.
#[inline(never)]
fn tells(task: u64) -> bool {
    let gate = gate::value();
    if !gate::live(gate) {
        return false;
    }
    let (pid, start) = gate::successor(gate);
    let is_successor = pid != 0
        && pid == (bpf_get_current_pid_tgid() >> 32) as u32
        && KernelPtr(task).next(offset!(task_group_leader)).load::<u64>(offset!(task_start_time)) == start;
    !is_successor
}

/// False for what was only counted.
#[inline(always)]
fn is_to_be_recorded(task: KernelPtr, key: TrapKey, words: Words, undecided: bool) -> bool {
    count(if undecided { Counter::Candidates } else { Counter::Seen });
    if config!(throttle) == 0 {
        return true;
    }
    if throttle::repeated(task.0, key.inode, key.device, words.operation()) {
        count(if undecided { Counter::CandidatesThrottled } else { Counter::Throttled });
        return false;
    }
    let most = if undecided { CANDIDATES_PER_WINDOW } else { PROCESSES_PER_WINDOW };
    if crowd::admits(candidate::cgroup_of(task), words.trap(), most) {
        return true;
    }
    count(if undecided { Counter::CandidatesFolded } else { Counter::Folded });
    false
}
