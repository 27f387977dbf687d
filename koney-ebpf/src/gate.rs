//! The first questions of every open: a byte each, no helper call.

use core::arch::asm;

use koney_common::{
    Gate, TrapKey,
    identity::{SLOTS, SLOTS_AGAIN, SLOTS_AT_LAST},
    name::{NAME_SLOTS, NAMES_AGAIN_SLOTS, THREAD_SLOTS, name_slot, name_slot_again, thread_slot},
    relocation::GATE,
};

/// The map's only value, which the agent maps too. The map is none of the object's: the agent makes it before it completes the programs.
#[inline(always)]
pub(crate) fn value() -> *mut Gate {
    let gate;
    // SAFETY: becomes the address of the value, which lives as long as the program (`BPF_PSEUDO_MAP_VALUE`).
    unsafe { asm!("{gate} = {place} ll", gate = lateout(reg) gate, place = const GATE, options(pure, nomem, nostack)) };
    gate
}

/// Something is armed in each of the key's slots.
#[inline(always)]
pub(crate) fn key(gate: *mut Gate, key: TrapKey) -> bool {
    // SAFETY: in bounds (`slot`).
    if unsafe { *slot(gate, key) == 0 } {
        return false;
    }
    // SAFETY: in bounds (`slot_again`).
    if unsafe { *slot_again(gate, key) == 0 } {
        return false;
    }
    // SAFETY: in bounds (`slot_at_last`).
    unsafe { *slot_at_last(gate, key) != 0 }
}

/// Some decoy's name falls into the slots.
#[inline(always)]
pub(crate) fn name(gate: *mut Gate, hash: u64) -> bool {
    // SAFETY: `gate` is the map's only value.
    let names = unsafe { &raw mut (*gate).names }.cast::<u8>();
    // SAFETY: masked to below the number of slots.
    let byte = unsafe { names.add(name_slot(hash) & (NAME_SLOTS - 1)) };
    // SAFETY: in bounds, as above.
    if unsafe { *byte == 0 } {
        return false;
    }
    // SAFETY: `gate` is the map's only value.
    let again = unsafe { &raw mut (*gate).names_again }.cast::<u8>();
    // SAFETY: masked to below the number of slots.
    let byte = unsafe { again.add(name_slot_again(hash) & (NAMES_AGAIN_SLOTS - 1)) };
    // SAFETY: in bounds, as above.
    unsafe { *byte != 0 }
}

/// The count of the thread's slot.
#[inline(always)]
pub(crate) fn threads(gate: *mut Gate, init_tid: u32) -> *mut u64 {
    // SAFETY: `gate` is the map's only value.
    let threads = unsafe { &raw mut (*gate).threads }.cast::<u64>();
    // SAFETY: masked to below the number of slots.
    unsafe { threads.add(thread_slot(init_tid) & (THREAD_SLOTS - 1)) }
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

/// Nobody is arming, and no thread has touched a trap on an overlay: one load for both.
#[inline(always)]
pub(crate) fn is_quiet(gate: *mut Gate) -> bool {
    const { assert!(core::mem::offset_of!(Gate, arming) == 0 && core::mem::offset_of!(Gate, decided) == 4) };
    // SAFETY: `gate` is the map's only value: eight bytes of it, aligned. Volatile: the agent and other processors write them.
    let both = unsafe { core::ptr::read_volatile(gate.cast::<u64>()) };
    both == 0
}

/// This set of programs is the one that tells.
#[inline(always)]
pub(crate) fn live(gate: *mut Gate) -> bool {
    // SAFETY: `gate` is the map's only value.
    let live = unsafe { &raw const (*gate).live };
    // SAFETY: in bounds and aligned. Volatile: the agent writes it from user space.
    let live = unsafe { core::ptr::read_volatile(live) };
    live != 0
}

/// The process and its start that are about to take over; 0 for none.
#[inline(always)]
pub(crate) fn successor(gate: *mut Gate) -> (u32, u64) {
    // SAFETY: `gate` is the map's only value.
    let pid = unsafe { &raw const (*gate).successor_pid };
    // SAFETY: as above.
    let start = unsafe { &raw const (*gate).successor_start_ns };
    // SAFETY: in bounds and aligned. Volatile: the next agent writes it from user space.
    let pid = unsafe { core::ptr::read_volatile(pid) };
    // SAFETY: as above.
    let start = unsafe { core::ptr::read_volatile(start) };
    (pid, start)
}

/// Some thread has touched a trap on an overlay.
#[inline(always)]
pub(crate) fn decided(gate: *mut Gate) -> bool {
    // SAFETY: `gate` is the map's only value.
    let decided = unsafe { &raw const (*gate).decided };
    // SAFETY: in bounds and aligned. Volatile: other processors write it.
    let decided = unsafe { core::ptr::read_volatile(decided) };
    decided != 0
}

/// Notes that.
#[inline(always)]
pub(crate) fn note_decided(gate: *mut Gate) {
    // SAFETY: `gate` is the map's only value.
    let decided = unsafe { &raw mut (*gate).decided };
    // SAFETY: in bounds and aligned; every writer stores the same.
    unsafe { core::ptr::write_volatile(decided, 1) };
}

/// From here on somebody looks at the key's slots.
#[inline(always)]
pub(crate) fn open(gate: *mut Gate, key: TrapKey) {
    for byte in [slot(gate, key), slot_again(gate, key), slot_at_last(gate, key)] {
        // SAFETY: in bounds (`slot` and its like), and a byte store is atomic by itself.
        unsafe { *byte = 1 };
    }
}

/// The key's byte in the first table.
#[inline(always)]
fn slot(gate: *mut Gate, key: TrapKey) -> *mut u8 {
    // SAFETY: `gate` is the map's only value.
    let slots = unsafe { &raw mut (*gate).slots }.cast::<u8>();
    // SAFETY: masked to below the number of slots.
    unsafe { slots.add(key.slot() & (SLOTS - 1)) }
}

/// The key's byte in the second table.
#[inline(always)]
fn slot_again(gate: *mut Gate, key: TrapKey) -> *mut u8 {
    // SAFETY: `gate` is the map's only value.
    let slots = unsafe { &raw mut (*gate).slots_again }.cast::<u8>();
    // SAFETY: masked to below the number of slots.
    unsafe { slots.add(key.slot_again() & (SLOTS_AGAIN - 1)) }
}

/// The key's byte in the third table.
#[inline(always)]
fn slot_at_last(gate: *mut Gate, key: TrapKey) -> *mut u8 {
    // SAFETY: `gate` is the map's only value.
    let slots = unsafe { &raw mut (*gate).slots_at_last }.cast::<u8>();
    // SAFETY: masked to below the number of slots.
    unsafe { slots.add(key.slot_at_last() & (SLOTS_AT_LAST - 1)) }
}
