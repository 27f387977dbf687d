//! Process ids as the agent's pid namespace sees them, and where a process came from.

use koney_common::{
    Record,
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
    let level: u32 = pid.read(offset!(pid_level))?;
    let size = offset!(upid_size);
    let mut upid = pid.member(offset!(pid_numbers))?;
    let wanted: u32 = config!(agent_pid_ns);
    for index in 0..LEVELS {
        if index > level {
            break;
        }
        let namespace = upid.follow(offset!(upid_ns))?;
        if namespace.read::<u32>(offset!(pid_ns_number))? == wanted {
            return upid.read(offset!(upid_number));
        }
        upid = upid.member(size)?;
    }
    None
}

/// The thread's own pid namespace and its number there.
#[inline(always)]
fn innermost(task: KernelPtr) -> Option<(KernelPtr, u32)> {
    let pid = task.follow(offset!(task_thread_pid))?;
    let level: u32 = pid.read(offset!(pid_level))?;
    let size = u64::from(offset!(upid_size));
    let first = pid.member(offset!(pid_numbers))?;
    let upid = KernelPtr(first.0 + u64::from(level) * size);
    Some((upid.follow(offset!(upid_ns))?, upid.read(offset!(upid_number))?))
}

/// Fills `pid_ns` and `origin`.
#[inline(always)]
pub(crate) fn origin(record: &mut Record, task: KernelPtr) {
    let Some(leader) = task.follow(offset!(task_group_leader)) else { return };
    let Some((namespace, number)) = innermost(leader) else { return };
    if let Some(inode) = namespace.read(offset!(pid_ns_number)) {
        record.pid_ns = inode;
        record.valid |= valid::PID_NS;
    }
    if let Some(origin) = ancestry(leader, namespace, number) {
        record.origin = origin;
        record.valid |= valid::ORIGIN;
    }
}

#[inline(always)]
fn ancestry(leader: KernelPtr, namespace: KernelPtr, number: u32) -> Option<u32> {
    let mut task = leader;
    let mut number = number;
    for _ in 0..ANCESTORS {
        if number == 1 {
            return Some(ORIGIN_WORKLOAD);
        }
        // `real_parent` is the thread that forked: only its leader carries the process's number.
        task = task.follow(offset!(task_real_parent))?.follow(offset!(task_group_leader))?;
        let (of_parent, its_number) = innermost(task)?;
        if of_parent != namespace {
            return Some(ORIGIN_RUNTIME_EXEC);
        }
        number = its_number;
    }
    None
}
