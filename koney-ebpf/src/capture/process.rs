//! Who: ids, credentials, names, times, namespaces, parent.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use koney_common::{Record, record::valid};

use super::pids;
use crate::kernel::{KernelPtr, offset};

/// `PF_KTHREAD`, `include/linux/sched.h`.
const PF_KTHREAD: u32 = 0x0020_0000;

/// Sets a field and its validity bit where the value could be read.
macro_rules! set {
    ($record:ident.$field:ident = $value:expr, $bit:ident) => {
        if let Some(value) = $value {
            $record.$field = value;
            $record.valid |= valid::$bit;
        }
    };
}

#[inline(always)]
pub(crate) fn capture(record: &mut Record, task: KernelPtr) {
    let both = bpf_get_current_pid_tgid();
    record.init_pid = (both >> 32) as u32;
    record.init_tid = both as u32;
    if let (Some(pid), Some(tid)) = (pids::of_process(task), pids::of_thread(task)) {
        record.pid = pid;
        record.tid = tid;
        record.valid |= valid::PIDS;
    }
    if task.read::<u32>(offset!(task_flags)).is_some_and(|flags| flags & PF_KTHREAD != 0) {
        record.valid |= valid::KERNEL_THREAD;
    }
    set!(record.comm = task.read(offset!(task_comm)), COMM);
    if let Some(leader) = task.follow(offset!(task_group_leader)) {
        set!(record.start_time_ns = leader.read(offset!(task_start_time)), START_TIME);
        parent(record, leader);
    }
    credentials(record, task);
    set!(record.login_uid = task.read(offset!(task_login_uid)), LOGIN_UID);
    set!(record.mount_ns = mount_namespace(task), MOUNT_NS);
    pids::origin(record, task);
}

#[inline(always)]
fn parent(record: &mut Record, leader: KernelPtr) {
    // `real_parent` is the thread that forked; the process is told, not the thread.
    let forked = leader.follow(offset!(task_real_parent));
    let Some(parent) = forked.and_then(|thread| thread.follow(offset!(task_group_leader))) else { return };
    set!(record.parent_pid = pids::of_process(parent), PARENT);
    set!(record.parent_comm = parent.read(offset!(task_comm)), PARENT_COMM);
    set!(record.parent_start_time_ns = parent.read(offset!(task_start_time)), PARENT_START_TIME);
}

#[inline(always)]
fn credentials(record: &mut Record, task: KernelPtr) {
    // Not `cred`: an overlay's own open and an io_uring personality run under somebody else's.
    let Some(cred) = task.follow(offset!(task_real_cred)) else { return };
    if let (Some(uid), Some(gid), Some(euid)) =
        (cred.read(offset!(cred_uid)), cred.read(offset!(cred_gid)), cred.read(offset!(cred_euid)))
    {
        record.uid = uid;
        record.gid = gid;
        record.euid = euid;
        record.valid |= valid::IDS;
    }
    set!(record.capabilities = cred.read(offset!(cred_capabilities)), CAPABILITIES);
    set!(record.user_ns = user_namespace(cred), USER_NS);
}

#[inline(always)]
fn user_namespace(cred: KernelPtr) -> Option<u32> {
    cred.follow(offset!(cred_user_ns))?.read(offset!(user_ns_number))
}

#[inline(always)]
fn mount_namespace(task: KernelPtr) -> Option<u32> {
    task.follow(offset!(task_nsproxy))?.follow(offset!(nsproxy_mount_ns))?.read(offset!(mount_ns_number))
}
