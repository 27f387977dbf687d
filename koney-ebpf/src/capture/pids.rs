//! Process ids as the agent's pid namespace sees them, and where a process came from.

use koney_common::{
    Record,
    offsets::ABSENT,
    record::{ORIGIN_RUNTIME_EXEC, ORIGIN_WORKLOAD, valid},
};

use crate::kernel::{KernelPtr, config, offset};

/// Levels of pid namespaces (`MAX_PID_NS_LEVEL`, `include/linux/pid_namespace.h`, and the initial one).
const LEVELS: u32 = 33;
/// Ancestors looked at to tell a workload from a runtime's exec.
const ANCESTORS: u32 = 24;

/// The thread's id in the agent's pid namespace.
#[inline(always)]
pub(crate) fn of_thread(task: KernelPtr) -> Option<u32> {
    number(task.follow(offset!(task_thread_pid))?)
}

/// The id of the thread's process in the agent's pid namespace.
#[inline(always)]
pub(crate) fn of_process(task: KernelPtr) -> Option<u32> {
    of_thread(task.follow(offset!(task_group_leader))?)
}

#[inline(always)]
fn number(pid: KernelPtr) -> Option<u32> {
    match koney_number(pid.0) {
        0 => None,
        number => Some(number as u32),
    }
}

/// The number of a `struct pid` in the agent's pid namespace; 0, which no process has, where it has none there. Global for the same
/// reason as [`crate::report::koney_tell`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn koney_number(pid: u64) -> u64 {
    let pid = KernelPtr(pid);
    let level: u32 = pid.load(offset!(pid_level));
    let mut upid = KernelPtr(pid.0 + u64::from(offset!(pid_numbers)));
    let wanted: u32 = config!(agent_pid_ns);
    for index in 0..LEVELS {
        if index > level {
            break;
        }
        if upid.next(offset!(upid_ns)).load::<u32>(offset!(pid_ns_number)) == wanted {
            return u64::from(upid.load::<u32>(offset!(upid_number)));
        }
        upid = KernelPtr(upid.0 + u64::from(offset!(upid_size)));
    }
    0
}

/// The thread's own pid namespace, null where it cannot be read, and its number there.
#[inline(always)]
fn innermost(task: KernelPtr) -> (KernelPtr, u32) {
    let pid = task.next(offset!(task_thread_pid));
    let level: u32 = pid.load(offset!(pid_level));
    let upid = pid.0 + u64::from(offset!(pid_numbers)) + u64::from(level) * u64::from(offset!(upid_size));
    (KernelPtr(upid).next(offset!(upid_ns)), KernelPtr(upid).load(offset!(upid_number)))
}

/// Fills `pid_ns` and `origin`.
#[inline(always)]
pub(crate) fn origin(record: &mut Record, task: KernelPtr) {
    let Some(leader) = task.follow(offset!(task_group_leader)) else { return };
    let (namespace, number) = innermost(leader);
    if namespace == KernelPtr(0) {
        return;
    }
    if let Some(inode) = namespace.read(offset!(pid_ns_number)) {
        record.pid_ns = inode;
        record.valid |= valid::PID_NS;
    }
    let origin = ancestry(leader, namespace, number);
    if origin != 0 {
        record.origin = origin;
        record.valid |= valid::ORIGIN;
    }
}

/// 0 where it cannot be told.
#[inline(always)]
fn ancestry(leader: KernelPtr, namespace: KernelPtr, number: u32) -> u32 {
    if offset!(task_real_parent) == ABSENT || offset!(task_group_leader) == ABSENT {
        return 0;
    }
    let mut task = leader;
    let mut number = number;
    for _ in 0..ANCESTORS {
        if number == 1 {
            return ORIGIN_WORKLOAD;
        }
        // `real_parent` is the thread that forked: only its leader carries the process's number.
        task = task.next(offset!(task_real_parent)).next(offset!(task_group_leader));
        let (of_parent, its_number) = innermost(task);
        if of_parent != namespace {
            return if of_parent == KernelPtr(0) { 0 } else { ORIGIN_RUNTIME_EXEC };
        }
        number = its_number;
    }
    0
}
