//! The gate: the byte per slot that the programs look at first, and the count of arming requests under way.
//!
//! Its tables are larger than all else that the agent has of a trap, and a mapping of the kernel's pages counts as the agent's memory
//! (`mm/memory.c`, `vm_insert_page`): only its head stays mapped, and a page of a table for as long as a byte is stored.

use std::{
    io, mem,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use koney_common::{
    NameKey, TrapKey, identity,
    name::{name_slot, name_slot_again},
};
use rustix::{
    mm::{MapFlags, ProtFlags},
    param::page_size,
};
use tracing::{debug, error};

/// A process of an agent's, as the kernel's records tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AgentId {
    /// In the initial pid namespace, which the agent itself need not be in.
    pub(super) init_pid: u32,
    /// Its start, nanoseconds since boot.
    pub(super) start_ns: u64,
}

/// A slot of the gate, of whichever table, by the place of its byte in the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(usize);

impl Slot {
    /// Those of a name, one in each table.
    pub(super) fn of_name(name: &NameKey) -> [Self; 2] {
        let hash = name.hash();
        [
            Self(mem::offset_of!(identity::Gate, names) + name_slot(hash)),
            Self(mem::offset_of!(identity::Gate, names_again) + name_slot_again(hash)),
        ]
    }

    /// Those of a key, one in each table.
    pub(super) const fn of_key(key: TrapKey) -> [Self; 3] {
        [
            Self(mem::offset_of!(identity::Gate, slots) + key.slot()),
            Self(mem::offset_of!(identity::Gate, slots_again) + key.slot_again()),
            Self(mem::offset_of!(identity::Gate, slots_at_last) + key.slot_at_last()),
        ]
    }
}

/// The map's only value, shared with the programs.
pub(super) struct Gate {
    /// Of which `HEAD` bytes are mapped.
    value: NonNull<identity::Gate>,
    map: OwnedFd,
}

/// What is always mapped: all but the tables.
const HEAD: usize = mem::offset_of!(identity::Gate, names);

// SAFETY: the mapping is process-wide and every access to it is atomic.
unsafe impl Send for Gate {}
// SAFETY: as for `Send`.
unsafe impl Sync for Gate {}

impl Gate {
    pub(super) fn map(fd: impl AsFd) -> io::Result<Self> {
        let map = fd.as_fd().try_clone_to_owned()?;
        let value = pages(&map, 0, HEAD)?;
        Ok(Self { value: value.cast(), map })
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

    /// Has the programs look more closely at what falls into the slot. Where that cannot be, they look at everything.
    pub(super) fn open(&self, slot: Slot) {
        if let Err(error) = self.store(slot, 1) {
            error!(
                %error,
                "a page of the gate cannot be mapped, so every open on this node is looked at, which is slower and overlooks nothing; \
                 give the agent more memory and start it again"
            );
            self.requests().fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Opens the slots of a key.
    pub(super) fn open_key(&self, key: TrapKey) {
        for slot in Slot::of_key(key) {
            self.open(slot);
        }
    }

    /// Nothing falls into the slot any more.
    pub(super) fn close(&self, slot: Slot) {
        // Costs some opens a closer look.
        if let Err(error) = self.store(slot, 0) {
            debug!(%error, "a slot of the gate stays open");
        }
    }

    fn store(&self, Slot(place): Slot, byte: u8) -> io::Result<()> {
        let within = place % page_size();
        let page = pages(&self.map, place - within, page_size())?;
        // SAFETY: below the length of the mapping.
        let target = unsafe { page.add(within) };
        // SAFETY: initialised, and only ever accessed atomically on this side.
        unsafe { AtomicU8::from_ptr(target.as_ptr()) }.store(byte, Ordering::SeqCst);
        unmap(page, page_size());
        Ok(())
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
}

/// Maps a part of the value, which begins on a page.
fn pages(map: &OwnedFd, start: usize, length: usize) -> io::Result<NonNull<u8>> {
    let flags = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing; one that is longer than the map is refused by the
    // kernel (`kernel/bpf/arraymap.c`, `array_map_mmap`).
    let address = unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, flags, MapFlags::SHARED, map, start as u64) }?;
    NonNull::new(address.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Undoes that; nothing may refer to the pages any more.
fn unmap(pages: NonNull<u8>, length: usize) {
    // SAFETY: the range that `pages` obtained, to which its one user refers no more. The result is of no use: there is nothing left to do with
    // the mapping.
    let _unmapped = unsafe { rustix::mm::munmap(pages.as_ptr().cast(), length) };
}

impl Drop for Gate {
    fn drop(&mut self) {
        unmap(self.value.cast(), HEAD);
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
