//! Counting where it happened.

use koney_common::Counter;

use crate::maps::COUNTERS;

/// Adds atomically.
#[inline(always)]
pub(crate) fn add(to: *mut u64, by: i64) {
    // SAFETY: callers pass the address of eight bytes in a map value, aligned to eight, valid while the program runs. Written as the
    // instruction that 5.10 knows: core offers no `fetch_add` on a target without compare-and-swap.
    unsafe { core::arch::asm!("lock *(u64 *)({to} + 0) += {by}", to = in(reg) to, by = in(reg) by) };
}

/// Adds one to this CPU's slot.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(slot) = COUNTERS.get_ptr_mut(counter as u32) {
        // Atomic although the slot is per CPU: an LSM program can be preempted by another task of this CPU inside the addition.
        add(slot, 1);
    }
}
