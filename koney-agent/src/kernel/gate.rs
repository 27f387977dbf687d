//! The gate, mapped: the byte per slot that the programs look at first, and the count of arming requests under way.

use std::{
    io,
    os::fd::AsFd,
    ptr::NonNull,
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use koney_common::{
    NameKey, TrapKey, identity,
    name::{NAME_SLOTS, NAMES_AGAIN_SLOTS, name_slot, name_slot_again},
};
use rustix::mm::{MapFlags, ProtFlags};

/// A process of an agent's, as the kernel's records tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AgentId {
    /// In the initial pid namespace, which the agent itself need not be in.
    pub(super) init_pid: u32,
    /// Its start, nanoseconds since boot.
    pub(super) start_ns: u64,
}

/// A slot of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameSlot {
    /// Of the first question.
    First(usize),
    /// Of the second.
    Again(usize),
}

impl NameSlot {
    /// Those of a name.
    pub(super) fn of(name: &NameKey) -> [Self; 2] {
        let hash = name.hash();
        [Self::First(name_slot(hash)), Self::Again(name_slot_again(hash))]
    }
}

/// The map's only value, shared with the programs.
pub(super) struct Gate {
    value: NonNull<identity::Gate>,
}

// SAFETY: the mapping is process-wide and every access to it is atomic.
unsafe impl Send for Gate {}
// SAFETY: as for `Send`.
unsafe impl Sync for Gate {}

impl Gate {
    pub(super) fn map(fd: impl AsFd) -> io::Result<Self> {
        let flags = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing; a mapping shorter than the map is refused
        // by nobody and a longer one by the kernel (`kernel/bpf/arraymap.c`, `array_map_mmap`).
        let address = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), size_of::<identity::Gate>(), flags, MapFlags::SHARED, fd.as_fd(), 0)
        }?;
        let value = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { value })
    }

    /// Makes the programs ask who is arming, until the guard is dropped.
    pub(super) fn arming(&self) -> ArmingGuard<'_> {
        self.requests().fetch_add(1, Ordering::SeqCst);
        ArmingGuard { gate: self }
    }

    /// Names the agent that is about to take over.
    pub(super) fn set_successor(&self, agent: AgentId) {
        self.successor_start().store(agent.start_ns, Ordering::SeqCst);
        self.successor_pid().store(agent.init_pid, Ordering::SeqCst);
    }

    /// Notes how many dropped records were told of.
    pub(super) fn set_dropped_told(&self, count: u64) {
        self.dropped().store(count, Ordering::SeqCst);
    }

    /// How many dropped records were told of.
    pub(super) fn dropped_told(&self) -> u64 {
        self.dropped().load(Ordering::SeqCst)
    }

    /// Notes that the agent is there.
    pub(super) fn beat(&self, boot_ns: u64) {
        self.last_beat().store(boot_ns, Ordering::SeqCst);
    }

    /// When the agent was last there, nanoseconds since boot.
    pub(super) fn beat_ns(&self) -> u64 {
        self.last_beat().load(Ordering::SeqCst)
    }

    /// Has the programs tell, or be silent.
    pub(super) fn set_live(&self, live: bool) {
        self.live().store(u32::from(live), Ordering::SeqCst);
    }

    /// The programs tell.
    pub(super) fn is_live(&self) -> bool {
        self.live().load(Ordering::SeqCst) != 0
    }

    /// A younger agent is about to tell, or has given up.
    pub(super) fn set_relieving(&self, relieving: bool) {
        self.relieving().store(u32::from(relieving), Ordering::SeqCst);
    }

    /// A younger agent is about to tell.
    pub(super) fn is_relieving(&self) -> bool {
        self.relieving().load(Ordering::SeqCst) != 0
    }

    /// Lets opens of the key's slots through to the table.
    pub(super) fn open(&self, key: TrapKey) {
        self.slot(key).store(1, Ordering::SeqCst);
        self.inode_slot(key).store(1, Ordering::SeqCst);
    }

    /// Nothing is armed in the key's slot any more.
    pub(super) fn close_key(&self, key: TrapKey) {
        self.slot(key).store(0, Ordering::SeqCst);
    }

    /// Nothing is armed in the slot of the key's inode number any more.
    pub(super) fn close_inode(&self, key: TrapKey) {
        self.inode_slot(key).store(0, Ordering::SeqCst);
    }

    /// Lets names of this slot through to the table of names, or no longer.
    pub(super) fn set_name(&self, slot: NameSlot, open: bool) {
        let (slots, slot) = match slot {
            NameSlot::First(slot) => {
                // SAFETY: the mapping lives as long as `self`; in bounds of the value.
                let names = unsafe { &raw mut (*self.value.as_ptr()).names };
                (names.cast::<u8>(), slot & (NAME_SLOTS - 1))
            }
            NameSlot::Again(slot) => {
                // SAFETY: as above.
                let names = unsafe { &raw mut (*self.value.as_ptr()).names_again };
                (names.cast::<u8>(), slot & (NAMES_AGAIN_SLOTS - 1))
            }
        };
        // SAFETY: masked to below the number of slots.
        let byte = unsafe { slots.add(slot) };
        // SAFETY: initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU8::from_ptr(byte) }.store(u8::from(open), Ordering::SeqCst);
    }

    fn live(&self) -> &AtomicU32 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let field = unsafe { &raw mut (*self.value.as_ptr()).live };
        // SAFETY: aligned to four, initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU32::from_ptr(field) }
    }

    fn relieving(&self) -> &AtomicU32 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let field = unsafe { &raw mut (*self.value.as_ptr()).relieving };
        // SAFETY: aligned to four, initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU32::from_ptr(field) }
    }

    fn successor_pid(&self) -> &AtomicU32 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let field = unsafe { &raw mut (*self.value.as_ptr()).successor_pid };
        // SAFETY: aligned to four, initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU32::from_ptr(field) }
    }

    fn successor_start(&self) -> &AtomicU64 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let field = unsafe { &raw mut (*self.value.as_ptr()).successor_start_ns };
        // SAFETY: aligned to eight, initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU64::from_ptr(field) }
    }

    fn dropped(&self) -> &AtomicU64 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let field = unsafe { &raw mut (*self.value.as_ptr()).dropped_told };
        // SAFETY: aligned to eight, initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU64::from_ptr(field) }
    }

    fn last_beat(&self) -> &AtomicU64 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let field = unsafe { &raw mut (*self.value.as_ptr()).beat_ns };
        // SAFETY: aligned to eight, initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU64::from_ptr(field) }
    }

    fn requests(&self) -> &AtomicU32 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let field = unsafe { &raw mut (*self.value.as_ptr()).arming };
        // SAFETY: aligned to four, initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU32::from_ptr(field) }
    }

    fn slot(&self, key: TrapKey) -> &AtomicU8 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let slots = unsafe { &raw mut (*self.value.as_ptr()).slots }.cast::<u8>();
        // SAFETY: `TrapKey::slot` is below the number of slots.
        let byte = unsafe { slots.add(key.slot()) };
        // SAFETY: initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU8::from_ptr(byte) }
    }

    fn inode_slot(&self, key: TrapKey) -> &AtomicU8 {
        // SAFETY: the mapping lives as long as `self`; in bounds of the value.
        let inodes = unsafe { &raw mut (*self.value.as_ptr()).inodes }.cast::<u8>();
        // SAFETY: `TrapKey::inode_slot` is below the number of slots.
        let byte = unsafe { inodes.add(key.inode_slot()) };
        // SAFETY: initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU8::from_ptr(byte) }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // SAFETY: the range that `map` obtained; no reference into it outlives `self`. The result is of no use: there is nothing
        // left to do with the mapping.
        let _unmapped = unsafe { rustix::mm::munmap(self.value.as_ptr().cast(), size_of::<identity::Gate>()) };
    }
}

/// An arming request is under way.
pub(super) struct ArmingGuard<'a> {
    gate: &'a Gate,
}

impl Drop for ArmingGuard<'_> {
    fn drop(&mut self) {
        self.gate.requests().fetch_sub(1, Ordering::SeqCst);
    }
}
