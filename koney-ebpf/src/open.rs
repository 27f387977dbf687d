//! The closer look at an open: by identity, then by name.

use aya_ebpf::helpers::bpf_get_current_task;
use koney_common::{
    Counter, Gate, TrapEntry, TrapKey,
    identity::{CANARY_TRAP, ROLE_BACKING, UNDECIDED_TRAP},
    record::{CHECK_IDENTITY, CHECK_NAME, operation},
};

use crate::{
    arming, candidate,
    capture::{Spot, Touch},
    counters::count,
    gate,
    kernel::{
        KernelPtr,
        file::{self, FMODE_NOACCOUNT},
        object::Probed,
        offset,
    },
    maps::{CANDIDATES, TRAPS},
    overlay, report,
};

/// `FMODE_WRITE` and `FMODE_CREATED`, `include/linux/fs.h`.
pub(crate) const FMODE_WRITE: u32 = 0x2;
const FMODE_CREATED: u32 = 0x0010_0000;
/// `__FMODE_EXEC` in `file.f_flags`, `include/linux/fs.h`; set by `do_open_execat`, `fs/exec.c`.
const FMODE_EXEC: u32 = 0x20;

/// Looks more closely; 1 where there is a record. Global for the same reason as [`report::koney_tell`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn koney_opened(file: u64) -> u64 {
    let gate = gate::value();
    let file = KernelPtr(file);
    let Some(inode) = file.follow(offset!(file_inode)) else { return 0 };
    let Some(key) = file::key(Probed(inode)) else { return 0 };
    let Some(mode) = file.read::<u32>(offset!(file_mode)) else { return 0 };
    let nested = mode & FMODE_NOACCOUNT != 0;
    if gate::arming(gate) && arming::answer(inode, key, nested) {
        return 0;
    }
    let flags = file.read::<u32>(offset!(file_flags));
    let touch = Touch {
        inode,
        spot: Spot::of_file(file),
        trap: UNDECIDED_TRAP,
        operation: what(mode, flags.unwrap_or(0)),
        check: CHECK_IDENTITY,
        nested,
        flags,
    };
    // SAFETY: two integers. The element of a key that is removed at this moment can already belong to another key: the record then
    // carries that trap's number, and the agent goes by the key.
    let entry = unsafe { TRAPS.get(key) }.copied();
    let touch = match entry {
        entry if nested => behind_an_overlay(gate, file, key, touch, entry),
        Some(entry) => armed(touch, entry),
        None => unarmed(gate, key, touch),
    };
    touch.map_or(0, report::tell)
}

/// What an overlay opens for a process: part of the touch of the file that was asked for, unless that is no trap.
#[inline(always)]
fn behind_an_overlay(gate: *mut Gate, file: KernelPtr, key: TrapKey, touch: Touch, entry: Option<TrapEntry>) -> Option<Touch> {
    if entry.is_none()
        && let Some(trap) = overlay::take_copying()
    {
        overlay::refresh(gate, key, trap);
        return None;
    }
    let asked = overlay::asked_for(file);
    if asked != touch.inode
        && let Some(asked) = file::key(Probed(asked))
    {
        // SAFETY: two integers; see `koney_opened`.
        if let Some(TrapEntry { trap, .. }) = unsafe { TRAPS.get(asked) }.copied() {
            if entry.is_none() {
                overlay::refresh(gate, key, trap);
            }
            count(Counter::Nested);
            return None;
        }
    }
    entry.map(|entry| Touch { trap: entry.trap, ..touch })
}

/// What an overlay opens to copy a trap up to is watched from here on.
#[inline(always)]
fn is_copy(gate: *mut Gate, task: KernelPtr, key: TrapKey, operation: u8) -> bool {
    if operation == operation::OPEN || !overlay::borrowed_credentials(task) {
        return false;
    }
    let Some(trap) = overlay::take_copying() else { return false };
    overlay::refresh(gate, key, trap);
    true
}

#[inline(always)]
fn armed(touch: Touch, entry: TrapEntry) -> Option<Touch> {
    let touch = Touch { trap: entry.trap, ..touch };
    if entry.trap == CANARY_TRAP {
        return Some(touch);
    }
    if entry.role == ROLE_BACKING {
        // SAFETY: takes no argument and reads no memory.
        let task = KernelPtr(unsafe { bpf_get_current_task() });
        if overlay::borrowed_credentials(task) {
            // Copied up: a part of the open or the change that made it necessary.
            if overlay::before() == Some(entry.trap) {
                count(Counter::Nested);
                return None;
            }
            return Some(Touch { nested: true, ..touch });
        }
    } else if file::on_overlay(touch.inode) {
        let _noted = overlay::decided(entry.trap);
    }
    Some(touch)
}

/// Not armed: a candidate by its name, or one that was found before and has another name now.
#[inline(always)]
fn unarmed(gate: *mut Gate, key: TrapKey, touch: Touch) -> Option<Touch> {
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    if is_copy(gate, task, key, touch.operation) {
        return None;
    }
    // SAFETY: two integers, which are not looked at.
    let known = unsafe { CANDIDATES.get(key) }.is_some();
    if !known && (!is_exactly_named(touch.spot) || overlay::is_its_own(task)) {
        return None;
    }
    let cgroup = candidate::cgroup_of(task);
    if touch.operation != operation::CREATE && candidate::is_refused(cgroup, key.inode, key.device) {
        count(Counter::Negative);
        return None;
    }
    if file::on_overlay(touch.inode) {
        let _noted = overlay::decided(UNDECIDED_TRAP);
    }
    if known {
        return Some(touch);
    }
    // Told also where there is no room to watch it.
    let _armed = candidate::arm(cgroup, key.inode, key.device);
    Some(Touch { check: CHECK_NAME, ..touch })
}

#[inline(always)]
fn is_exactly_named(spot: Spot) -> bool {
    candidate::is_named(spot.dentry.0)
        || candidate::mountpoint(spot.mount, spot.dentry).is_some_and(|place| candidate::is_named(place.0))
}

#[inline(always)]
fn what(mode: u32, flags: u32) -> u8 {
    if mode & FMODE_CREATED != 0 {
        operation::CREATE
    } else if flags & FMODE_EXEC != 0 {
        operation::EXEC
    } else if mode & FMODE_WRITE != 0 {
        operation::WRITE
    } else {
        operation::OPEN
    }
}
