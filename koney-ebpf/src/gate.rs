//! The first question of every open: one byte, no helper call.

use koney_common::{Gate, TrapKey, identity::GATE_SLOTS};

/// Nothing is armed in the key's slot and nobody is arming.
#[inline(always)]
pub(crate) fn closed(gate: *mut Gate, key: TrapKey) -> bool {
    let byte = slot(gate, key);
    // SAFETY: in bounds (`slot`).
    let byte = unsafe { *byte };
    byte == 0 && !arming(gate)
}

/// The agent has arming requests under way.
#[inline(always)]
pub(crate) fn arming(gate: *mut Gate) -> bool {
    // SAFETY: `gate` is the map's only value.
    let requests = unsafe { &raw const (*gate).arming };
    // SAFETY: in bounds and aligned. Volatile: the agent writes it from user space.
    let requests = unsafe { core::ptr::read_volatile(requests) };
    requests != 0
}

/// The key's byte.
#[inline(always)]
pub(crate) fn slot(gate: *mut Gate, key: TrapKey) -> *mut u8 {
    // SAFETY: `gate` is the map's only value.
    let slots = unsafe { &raw mut (*gate).slots }.cast::<u8>();
    // SAFETY: masked to below the number of slots.
    unsafe { slots.add(key.slot() & (GATE_SLOTS - 1)) }
}
