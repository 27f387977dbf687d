//! What the check of every open reads where it cannot load: by calls of a helper, of which each costs as much as all else that a question
//! takes, so neighbours are read at once. Offsets stand in the instructions, as in [`super::relocated`].

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use koney_common::{
    offsets::ABSENT,
    relocation::{FIRST_COPIED, FIRST_LENGTH, FIRST_MEMBER, FIRST_OFFSET, FIRST_START, Part},
};

use super::{
    object::Room,
    relocated::{half, immediate, load},
};

/// An object of the kernel at an address, which need not be readable: what cannot be read is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) u64);

/// The parts, by number.
pub(crate) mod part {
    use super::Part;

    pub(crate) const FILE: i32 = Part::File as i32;
    pub(crate) const INODE: i32 = Part::Inode as i32;
    pub(crate) const ENTRY: i32 = Part::Entry as i32;
}

/// A copy of a part, or, where its members lie too far apart, a promise to read each when it is asked for.
pub(crate) struct Copied<'a, const WORDS: usize, const PART: i32> {
    object: Address,
    room: &'a Room<WORDS>,
}

impl Address {
    /// Reads a part of the object.
    #[inline(always)]
    pub(crate) fn part<const WORDS: usize, const PART: i32>(self, room: &mut Room<WORDS>) -> Copied<'_, WORDS, PART> {
        let length = length::<PART>();
        if length != 0 {
            let start = immediate!(FIRST_START + PART);
            // SAFETY: a part is no longer than its room (`Extent::of` of koney-common), which the verifier checks again: to it the length is a
            // constant. The helper fails instead of faulting, and fills what it was given with zeros then.
            unsafe { bpf_probe_read_kernel(room.as_mut_ptr().cast(), length as u32, (self.0 + start) as *const _) };
        }
        Copied { object: self, room }
    }

    /// A member of eight bytes, or a pointer, by itself.
    #[inline(always)]
    pub(crate) fn word<const MEMBER: i16>(self) -> u64 {
        self.member::<MEMBER, u64>()
    }

    /// A member of four bytes, by itself.
    #[inline(always)]
    pub(crate) fn half<const MEMBER: i16>(self) -> u32 {
        self.member::<MEMBER, u32>()
    }

    #[inline(always)]
    fn member<const MEMBER: i16, T: Copy + Default>(self) -> T {
        let offset = immediate!(FIRST_OFFSET + (MEMBER - FIRST_MEMBER) as i32);
        if offset == u64::from(ABSENT) {
            return T::default();
        }
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: `value` has room for `T`; the helper fills it with zeros where the address cannot be read
        // (`kernel/trace/bpf_trace.c`, `bpf_probe_read_kernel_common`).
        unsafe { bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, (self.0 + offset) as *const _) };
        // SAFETY: written above in either case; every `T` read here is an integer.
        unsafe { value.assume_init() }
    }
}

impl<const WORDS: usize, const PART: i32> Copied<'_, WORDS, PART> {
    /// A member of eight bytes, or a pointer. The helper wrote the bytes.
    #[inline(always)]
    pub(crate) fn word<const MEMBER: i16>(&self) -> u64 {
        if length::<PART>() == 0 {
            return self.object.word::<MEMBER>();
        }
        load!("u64", self.room.as_ptr(), FIRST_COPIED + (MEMBER - FIRST_MEMBER))
    }

    /// A member of four bytes.
    #[inline(always)]
    pub(crate) fn half<const MEMBER: i16>(&self) -> u32 {
        if length::<PART>() == 0 {
            return self.object.half::<MEMBER>();
        }
        half!(self.room.as_ptr(), FIRST_COPIED + (MEMBER - FIRST_MEMBER))
    }
}

/// A part's length, a constant to the verifier and none to the compiler.
#[inline(always)]
fn length<const PART: i32>() -> u64 {
    immediate!(FIRST_LENGTH + PART)
}
