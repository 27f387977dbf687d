//! The ring is full: the first touch of each trap is kept in few words until the agent has swept it.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use koney_common::{Slot, TrapKey};

use crate::{
    capture::{cgroup, pids},
    kernel::{KernelPtr, offset},
    maps::SLOTS,
};

const BPF_NOEXIST: u64 = 1;

/// False where the trap's slot is taken, or there is no memory for one.
#[inline(never)]
pub(crate) fn keep(task: u64, inode: u64, device: u32, trap: u32, operation: u8) -> bool {
    let task = KernelPtr(task);
    let both = bpf_get_current_pid_tgid();
    let leader = task.follow(offset!(task_group_leader));
    let uid = task.follow(offset!(task_real_cred)).and_then(|cred| cred.read(offset!(cred_uid)));
    let slot = Slot {
        file: TrapKey::new(device, inode),
        // SAFETY: takes no argument and reads no memory.
        time_ns: unsafe { bpf_ktime_get_boot_ns() },
        cgroup: cgroup::id(task).unwrap_or(0),
        start_time_ns: leader.and_then(|leader| leader.read(offset!(task_start_time))).unwrap_or(0),
        pid: pids::of_process(task).unwrap_or(0),
        init_pid: (both >> 32) as u32,
        init_tid: both as u32,
        uid: uid.unwrap_or(u32::MAX),
        operation: u32::from(operation),
        padding: 0,
        comm: task.load(offset!(task_comm)),
    };
    SLOTS.insert(trap, slot, BPF_NOEXIST).is_ok()
}
