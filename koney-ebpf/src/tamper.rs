//! Changes to a decoy: told before they are made, for afterwards the name is gone. Whether they succeeded, the agent's next look says.

use aya_ebpf::helpers::bpf_get_current_task;
use koney_common::{
    Counter, TrapKey,
    identity::{ROLE_BACKING, UNDECIDED_TRAP},
    record::{CHECK_IDENTITY, CHECK_NAME, operation},
};

use crate::{
    candidate,
    capture::{Spot, Touch},
    counters::count,
    gate,
    kernel::{
        KernelPtr, file,
        object::{Object, Part, Probed, Room},
        offset,
    },
    maps::{CANDIDATES, TRAPS},
    overlay, report,
};

/// `ATTR_*`, `include/linux/fs.h`.
const ATTR_MODE: u32 = 1;
const ATTR_OWNER: u32 = 1 << 1 | 1 << 2;
const ATTR_SIZE: u32 = 1 << 3;
const ATTR_FORCE: u32 = 1 << 9;
const ATTR_OPEN: u32 = 1 << 15;

/// No operation: a change of size that belongs to an open.
pub(crate) const PART_OF_AN_OPEN: u8 = u8::MAX;

/// Called for every such change on the node: true where somebody has to look more closely at the entry.
#[inline(always)]
pub(crate) fn is_of_interest<O: Object>(dentry: O) -> bool {
    let gate = gate::value();
    let mut room = Room::uninit();
    let entry = file::entry(dentry, &mut room);
    entry.follow(offset!(dentry_inode)).is_some_and(|inode| file::is_in_gate(gate, inode))
        || file::hash_of_name(&entry).is_some_and(|hash| gate::name(gate, hash))
}

/// What a change of attributes comes to; 0 for one that is not told.
#[inline(always)]
pub(crate) fn of_attributes(attributes: KernelPtr) -> u8 {
    let Some(valid) = attributes.read::<u32>(offset!(iattr_valid)) else { return 0 };
    // What the kernel does of itself is nobody's.
    if valid & ATTR_FORCE != 0 {
        0
    } else if valid & ATTR_OPEN != 0 {
        PART_OF_AN_OPEN
    } else if valid & ATTR_SIZE != 0 {
        operation::TRUNCATE
    } else if valid & ATTR_OWNER != 0 {
        operation::CHOWN
    } else if valid & ATTR_MODE != 0 {
        operation::CHMOD
    } else {
        0
    }
}

/// What an open truncates is told as an open for writing. An overlay passes it on without saying so, and is to find it noted.
#[inline(always)]
pub(crate) fn truncated_by_open(dentry: KernelPtr) {
    let Some(inode) = dentry.follow(offset!(dentry_inode)) else { return };
    let Some(key) = file::key(Probed(inode)) else { return };
    // SAFETY: two integers; see `open::koney_opened`.
    let entry = unsafe { TRAPS.get(key) }.copied();
    if let Some(entry) = entry.filter(|entry| entry.role != ROLE_BACKING && file::on_overlay(inode)) {
        let _noted = overlay::decided(entry.trap);
    }
}

/// An overlay copies the entry's file up: what it opens next to write is the copy, and the trap's where the file is.
#[inline(always)]
pub(crate) fn copied_up(dentry: KernelPtr) {
    let Some(inode) = dentry.follow(offset!(dentry_inode)) else { return };
    let Some(key) = file::key(Probed(inode)) else { return };
    // SAFETY: two integers; see `open::koney_opened`.
    match unsafe { TRAPS.get(key) }.copied() {
        Some(entry) if entry.role != ROLE_BACKING => {
            let _noted = overlay::copying(entry.trap);
        }
        // A copy of a trap that came to nothing.
        _ => drop(overlay::take_copying()),
    }
}

/// A copy is of interest for a file that is, and for a thread that was copying one.
#[inline(always)]
pub(crate) fn is_copy_of_interest<O: Object>(dentry: O) -> bool {
    let gate = gate::value();
    overlay::pending(gate) || is_of_interest(dentry)
}

/// The entry's file is changed; 1 where there is a record. Global for the same reason as [`report::koney_tell`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn koney_changed(dentry: u64, operation: u64) -> u64 {
    let entry = KernelPtr(dentry);
    let Some(inode) = entry.follow(offset!(dentry_inode)) else { return 0 };
    match armed(inode, entry, operation as u8) {
        Found::Told(touch) => report::tell(touch),
        Found::Part => 0,
        Found::Nothing => named(entry, Some(inode), operation as u8).map_or(0, report::tell),
    }
}

/// The entry's name is taken by another: by the file of a second entry, or (0) by one that is made for it.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn koney_placed(entry: u64, by: u64, operation: u64) -> u64 {
    let entry = KernelPtr(entry);
    let covered = entry.follow(offset!(dentry_inode)).map_or(Found::Nothing, |inode| armed(inode, entry, operation as u8));
    match covered {
        Found::Told(touch) => report::tell(touch),
        Found::Part => 0,
        Found::Nothing => {
            let file = if by == 0 { None } else { KernelPtr(by).follow(offset!(dentry_inode)) };
            named(entry, file, operation as u8).map_or(0, report::tell)
        }
    }
}

/// What is known of an entry's file.
enum Found {
    Told(Touch),
    /// The overlay passes on what was done to its own file, and that was told.
    Part,
    Nothing,
}

/// By identity.
#[inline(always)]
fn armed(inode: KernelPtr, dentry: KernelPtr, operation: u8) -> Found {
    let Some(key) = file::key(Probed(inode)) else { return Found::Nothing };
    let touch = touch(inode, dentry, operation);
    // SAFETY: two integers; see `open::koney_opened`.
    let Some(entry) = unsafe { TRAPS.get(key) }.copied() else {
        // SAFETY: two integers, which are not looked at.
        return if unsafe { CANDIDATES.get(key) }.is_some() { Found::Told(touch) } else { Found::Nothing };
    };
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    if entry.role == ROLE_BACKING && overlay::borrowed_credentials(task) && overlay::before() == Some(entry.trap) {
        count(Counter::Nested);
        return Found::Part;
    }
    if entry.role != ROLE_BACKING && file::on_overlay(inode) {
        let _noted = overlay::decided(entry.trap);
    }
    Found::Told(Touch { trap: entry.trap, ..touch })
}

/// By name: what nobody has armed, or has no file at all.
#[inline(always)]
fn named(entry: KernelPtr, file: Option<KernelPtr>, operation: u8) -> Option<Touch> {
    if !candidate::is_named(entry.0) {
        return None;
    }
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    if overlay::is_its_own(task) {
        return None;
    }
    let cgroup = candidate::cgroup_of(task);
    if candidate::is_refused(cgroup, 0, 0) {
        count(Counter::Negative);
        return None;
    }
    let inode = file.unwrap_or(KernelPtr(0));
    if inode != KernelPtr(0) {
        // Loads and no options: 5.10 refuses to copy what an absent value leaves on the stack.
        let device = inode.next(offset!(inode_super_block)).load(offset!(super_block_device));
        let key = TrapKey::new(device, inode.load(offset!(inode_number)));
        // SAFETY: two integers, which are not looked at.
        if unsafe { TRAPS.get(key) }.is_some() {
            // A decoy that is moved back is told as moved.
            return None;
        }
        // Told also where there is no room to watch it.
        let _armed = candidate::arm(cgroup, key.inode, key.device);
    }
    if file::is_overlay(entry.next(offset!(dentry_super_block))) {
        let _noted = overlay::decided(UNDECIDED_TRAP);
    }
    Some(Touch { check: CHECK_NAME, ..touch(inode, entry, operation) })
}

#[inline(always)]
fn touch(inode: KernelPtr, dentry: KernelPtr, operation: u8) -> Touch {
    Touch {
        inode,
        spot: Spot::of_dentry(dentry),
        trap: UNDECIDED_TRAP,
        operation,
        check: CHECK_IDENTITY,
        nested: false,
        flags: None,
    }
}
