//! Attempts that the kernel denies: seen by the verdict of the permission check, and only where some policy asks for them.

use aya_ebpf::helpers::bpf_get_current_task;
use koney_common::{
    identity::ROLE_BACKING,
    record::{CHECK_IDENTITY, operation},
};

use crate::{
    capture::{Spot, Touch},
    gate,
    kernel::{
        KernelPtr, file,
        object::{Object, Probed},
    },
    maps::TRAPS,
    overlay, report,
};

/// `EPERM` and `EACCES`, `include/uapi/asm-generic/errno-base.h`.
const EPERM: i32 = 1;
const EACCES: i32 = 13;
/// `MAY_OPEN`, `include/linux/fs.h`: asked by opens and executions (`may_open`, `fs/namei.c`), and not by `access`, `truncate` or any other.
const MAY_OPEN: i32 = 0x20;

/// Called for every permission check on the node, while some policy wants to know: true for an open of what may be a trap that is denied.
#[inline(always)]
pub(crate) fn is_of_interest<O: Object>(inode: O, mask: i32, verdict: i32) -> bool {
    if (verdict != -EACCES && verdict != -EPERM) || mask & MAY_OPEN == 0 {
        return false;
    }
    file::is_in_gate(gate::value(), inode)
}

/// The open of an inode is denied; 1 where there is a record. Global for the same reason as [`report::koney_tell`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn koney_denied(inode: u64) -> u64 {
    let inode = KernelPtr(inode);
    let Some(key) = file::key(Probed(inode)) else { return 0 };
    // SAFETY: two integers; see `open::koney_opened`.
    let Some(entry) = unsafe { TRAPS.get(key) }.copied() else { return 0 };
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    // An overlay asks the file behind the one that was asked for as well, for its mounter.
    if entry.role == ROLE_BACKING && overlay::borrowed_credentials(task) {
        return 0;
    }
    report::tell(Touch {
        inode,
        spot: Spot::UNKNOWN,
        trap: entry.trap,
        operation: operation::DENIED,
        check: CHECK_IDENTITY,
        nested: false,
        flags: None,
    })
}
