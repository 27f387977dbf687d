//! The record of one access, taken while the accessing process is still inside its open.

mod arguments;
pub(crate) mod cgroup;
mod path;
pub(crate) mod pids;
mod process;

use aya_ebpf::helpers::{bpf_get_current_task, bpf_ktime_get_boot_ns};
use koney_common::{
    Record,
    identity::UNDECIDED_TRAP,
    record::{VERSION, valid},
};

use crate::{
    kernel::{KernelPtr, file, object::Probed, offset},
    maps::{CANDIDATE_RECORDS, RECORDS},
};

/// Where a name stands.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    /// The `struct vfsmount`; null where the hook knows none.
    pub(crate) mount: KernelPtr,
    /// The `struct dentry`; null where the hook knows none.
    pub(crate) dentry: KernelPtr,
}

impl Spot {
    /// The hook knows the file and no name of it.
    pub(crate) const UNKNOWN: Self = Self { mount: KernelPtr(0), dentry: KernelPtr(0) };

    /// Where an opened file stands.
    #[inline(always)]
    pub(crate) fn of_file(file: KernelPtr) -> Self {
        let path = file.member(offset!(file_path));
        let part = |offset| path.and_then(|path| path.follow(offset)).unwrap_or(KernelPtr(0));
        Self { mount: part(offset!(path_mount)), dentry: part(offset!(path_dentry)) }
    }

    /// Where a directory entry stands.
    #[inline(always)]
    pub(crate) fn of_dentry(dentry: KernelPtr) -> Self {
        Self { mount: KernelPtr(0), dentry }
    }
}

/// What the check found.
#[derive(Clone, Copy)]
pub(crate) struct Touch {
    /// The file's `struct inode`; null where there is none.
    pub(crate) inode: KernelPtr,
    /// Its name.
    pub(crate) spot: Spot,
    /// The trap that is armed for it, or [`koney_common::identity::UNDECIDED_TRAP`].
    pub(crate) trap: u32,
    /// What is done, one of [`koney_common::record::operation`].
    pub(crate) operation: u8,
    /// How it was found.
    pub(crate) check: u8,
    /// Opened by an overlay on behalf of the process.
    pub(crate) nested: bool,
    /// `file.f_flags`, of an open.
    pub(crate) flags: Option<u32>,
}

/// A touch in words, which is all that a function of BPF takes.
#[derive(Clone, Copy)]
pub(crate) struct Words(pub(crate) u64);

/// Where the words keep things: operation, check, bits, and the trap in the upper half.
const CHECK: u32 = 8;
const NESTED: u64 = 1 << 16;
const FLAGS: u64 = 1 << 17;
const TRAP: u32 = 32;

impl Words {
    #[inline(always)]
    pub(crate) fn of(touch: Touch) -> Self {
        let mut what = u64::from(touch.operation) | u64::from(touch.check) << CHECK | u64::from(touch.trap) << TRAP;
        if touch.nested {
            what |= NESTED;
        }
        if touch.flags.is_some() {
            what |= FLAGS;
        }
        Self(what)
    }

    #[inline(always)]
    pub(crate) fn operation(self) -> u8 {
        self.0 as u8
    }

    #[inline(always)]
    pub(crate) fn trap(self) -> u32 {
        (self.0 >> TRAP) as u32
    }

    /// The bits of `Record::valid` that are known, without a branch: the verifier would follow each to the end.
    #[inline(always)]
    fn valid(self) -> u64 {
        ((self.0 & NESTED) / NESTED * valid::NESTED) | ((self.0 & FLAGS) / FLAGS * valid::OPEN_FLAGS)
    }
}

/// Writes the record into the ring, or into that of the candidates; 0 where there was no room.
///
/// The record is built in the ring's own memory: a per-CPU scratch buffer would be overwritten by whoever preempts this program.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn koney_record(inode: u64, mount: u64, dentry: u64, words: u64, flags: u64) -> u64 {
    let words = Words(words);
    let slot = if words.trap() == UNDECIDED_TRAP { CANDIDATE_RECORDS.reserve(0) } else { RECORDS.reserve(0) };
    let Some(mut slot) = slot else { return 0 };
    // SAFETY: ring memory is zeroed when the ring is made and holds earlier records after that, so every byte is initialised, and
    // `Record` is integers only: any bytes are a valid value. The reservation is exclusive until it is submitted.
    let record: &mut Record = unsafe { &mut *slot.as_mut_ptr() };
    record.open_flags = flags as u32;
    fill(record, KernelPtr(inode), Spot { mount: KernelPtr(mount), dentry: KernelPtr(dentry) }, words);
    slot.submit(0);
    1
}

#[inline(always)]
fn fill(record: &mut Record, inode: KernelPtr, spot: Spot, words: Words) {
    record.version = VERSION;
    record.operation = words.operation();
    record.check = (words.0 >> CHECK) as u8;
    record.padding = 0;
    record.padding_root = 0;
    record.valid = words.valid();
    // SAFETY: takes no argument and reads no memory.
    record.time_ns = unsafe { bpf_ktime_get_boot_ns() };
    record.trap = words.trap();
    record.inode = 0;
    record.device = 0;
    record.generation = 0;
    if let Some(key) = file::key(Probed(inode)) {
        record.inode = key.inode;
        record.device = key.device;
        if let Some(generation) = inode.read(offset!(inode_generation)) {
            record.generation = generation;
            record.valid |= valid::GENERATION;
        }
    }
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    process::capture(record, task);
    cgroup::capture(record, task);
    arguments::capture(record, task);
    path::capture(record, task, spot);
}
