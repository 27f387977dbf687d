//! How many processes of one cgroup are recorded for one trap: a share for each, so that none takes the ring from the others.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use koney_common::name::{CrowdKey, WINDOW_NS, Window};

use crate::{counters::add, kernel::zeroed, maps::CROWDS};

const BPF_NOEXIST: u64 = 1;

/// Whether this one is to be recorded; one that is not is counted.
#[inline(never)]
pub(crate) fn admits(cgroup: u64, trap: u32, most: u32) -> bool {
    // SAFETY: takes no argument and reads no memory.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    let key = CrowdKey { cgroup, trap, padding: 0 };
    let Some(window) = CROWDS.get_ptr_mut(key) else {
        let mut first: Window = zeroed();
        first.start_ns = now;
        first.count = 1;
        // Without room, or where another processor was faster, one record too many is no harm.
        let _entered = CROWDS.insert(key, first, BPF_NOEXIST);
        return true;
    };
    // SAFETY: the entry of an LRU map is never freed; what two processors do to it at once makes the share inexact, not the totals.
    let window = unsafe { &mut *window };
    if now - window.start_ns > WINDOW_NS {
        window.start_ns = now;
        window.count = 1;
        return true;
    }
    if window.count < most {
        window.count += 1;
        return true;
    }
    add(&raw mut window.folded, 1);
    window.last_ns = now;
    false
}
