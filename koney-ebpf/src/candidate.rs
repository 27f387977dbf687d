//! The check by name: a file with a decoy's name that nobody has armed yet is armed on the spot, and told.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use koney_common::{
    NameKey, TrapKey,
    name::{Candidate, NegativeKey},
};

use crate::{
    capture::cgroup,
    gate,
    kernel::{KernelPtr, offset, zeroed},
    maps::{CANDIDATES, NAMES, NEGATIVES},
};

const BPF_ANY: u64 = 0;

/// Some decoy has the name of this directory entry.
///
/// A function of its own, as are others here that take and give numbers: what they keep on the stack goes with them.
#[inline(never)]
pub(crate) fn is_named(dentry: u64) -> bool {
    let dentry = KernelPtr(dentry);
    let Some(length) = dentry.read::<u32>(offset!(dentry_name_length)) else { return false };
    let Some(name) = dentry.follow(offset!(dentry_name)) else { return false };
    let mut key: NameKey = zeroed();
    key.length = length;
    if name.read_str(&mut key.prefix).is_none() {
        return false;
    }
    // SAFETY: one integer, which is not looked at.
    unsafe { NAMES.get(key) }.is_some()
}

/// For a mount's root the name that counts is that of the place it is mounted at: a file bound under another name.
#[inline(always)]
pub(crate) fn mountpoint(mount: KernelPtr, dentry: KernelPtr) -> Option<KernelPtr> {
    if mount.follow(offset!(vfsmount_root))? != dentry {
        return None;
    }
    mount.container(offset!(mount_vfsmount))?.follow(offset!(mount_mountpoint))
}

/// It has been decided that in this cgroup the file is no trap, or that there are none at all.
#[inline(never)]
pub(crate) fn is_refused(cgroup: u64, inode: u64, device: u32) -> bool {
    let key = NegativeKey { cgroup, file: TrapKey::new(device, inode) };
    // SAFETY: one integer, which is not looked at.
    if unsafe { NEGATIVES.get(key) }.is_some() {
        return true;
    }
    let mut key: NegativeKey = zeroed();
    key.cgroup = cgroup;
    // SAFETY: as above.
    unsafe { NEGATIVES.get(key) }.is_some()
}

/// The file is watched until the agent has decided.
#[inline(never)]
pub(crate) fn arm(cgroup: u64, inode: u64, device: u32) -> bool {
    let file = TrapKey::new(device, inode);
    // SAFETY: takes no argument and reads no memory.
    let candidate = Candidate { cgroup, time_ns: unsafe { bpf_ktime_get_boot_ns() } };
    if CANDIDATES.insert(file, candidate, BPF_ANY).is_err() {
        return false;
    }
    gate::open(gate::value(), file);
    true
}

/// The current process's cgroup; 0 where the kernel does not tell.
#[inline(always)]
pub(crate) fn cgroup_of(task: KernelPtr) -> u64 {
    cgroup::id(task).unwrap_or(0)
}
