//! Reading kernel memory: the only place where an offset meets an address.
//!
//! [`KernelPtr`] goes through `bpf_probe_read_kernel`, which faults safely on any address and costs a helper call: for the record, which
//! is written once per access to a trap. [`object`] has a back end for each kind of hook, for what is read on every change of names of the
//! node ([`file`]), and [`relocated`] and [`reads`] are for what is read on every open.

pub(crate) mod file;
pub(crate) mod object;
pub(crate) mod reads;
pub(crate) mod relocated;

use aya_ebpf::helpers::{
    bpf_probe_read_kernel,
    generated::{self, bpf_probe_read_kernel_str, bpf_probe_read_user},
};
use koney_common::offsets::ABSENT;

/// The offset of a member as the agent found it in the kernel's BTF.
macro_rules! offset {
    ($field:ident) => {{
        // SAFETY: the address is that of a live static of the same type. Volatile, because the agent replaces the value between
        // compilation and load.
        unsafe { core::ptr::read_volatile(&raw const $crate::maps::OFFSETS.$field) }
    }};
}

/// A value that the agent set before the load.
macro_rules! config {
    ($field:ident) => {{
        // SAFETY: as for `offset!`.
        unsafe { core::ptr::read_volatile(&raw const $crate::maps::CONFIG.$field) }
    }};
}

pub(crate) use {config, offset};

/// An address in the kernel, not yet known to be readable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KernelPtr(pub(crate) u64);

impl KernelPtr {
    /// The value of a member; `None` where this kernel has no such member or the address cannot be read.
    #[inline(always)]
    pub(crate) fn read<T: Copy>(self, offset: u16) -> Option<T> {
        if offset == ABSENT {
            return None;
        }
        let source = (self.0 + u64::from(offset)) as *const T;
        // SAFETY: the helper checks the address and fails instead of faulting; every `T` read here is an integer or an array of them.
        unsafe { bpf_probe_read_kernel(source) }.ok()
    }

    /// The value of a member, or zeros where this kernel has no such member or the address cannot be read.
    ///
    /// For loops: each question that a turn asks is one more way out of it that the verifier follows to the end of the program.
    #[inline(always)]
    pub(crate) fn load<T: Copy>(self, offset: u16) -> T {
        let mut value = core::mem::MaybeUninit::<T>::uninit();
        let source = self.0 + u64::from(offset);
        // SAFETY: `value` has room for `T`; the helper fills it with zeros where the address cannot be read
        // (`kernel/trace/bpf_trace.c`, `bpf_probe_read_kernel_common`), as it cannot at `ABSENT` beyond a null pointer.
        unsafe { generated::bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, source as *const _) };
        // SAFETY: written above in either case; every `T` read here is an integer or an array of them.
        unsafe { value.assume_init() }
    }

    /// A pointer member, null where [`Self::load`] gives zeros.
    #[inline(always)]
    pub(crate) fn next(self, offset: u16) -> Self {
        Self(self.load(offset))
    }

    /// Follows a pointer member; `None` also where it is null.
    #[inline(always)]
    pub(crate) fn follow(self, offset: u16) -> Option<Self> {
        match self.read::<u64>(offset) {
            Some(0) | None => None,
            Some(address) => Some(Self(address)),
        }
    }

    /// The address of an embedded member.
    #[inline(always)]
    pub(crate) fn member(self, offset: u16) -> Option<Self> {
        if offset == ABSENT { None } else { Some(Self(self.0 + u64::from(offset))) }
    }

    /// The object that this is an embedded member of.
    #[inline(always)]
    pub(crate) fn container(self, offset: u16) -> Option<Self> {
        if offset == ABSENT { None } else { Some(Self(self.0 - u64::from(offset))) }
    }

    /// Copies a NUL-terminated string into `to`; the length with its NUL.
    #[inline(always)]
    pub(crate) fn read_str<const N: usize>(self, to: &mut [u8; N]) -> Option<u16> {
        let length = self.copy_str(to) as i64;
        if length <= 0 || length > N as i64 { None } else { Some(length as u16) }
    }

    /// Copies a NUL-terminated string into `to`; the length with its NUL, at most `N`, or a negative errno.
    #[inline(always)]
    pub(crate) fn copy_str<const N: usize>(self, to: &mut [u8; N]) -> u64 {
        // SAFETY: `to` has room for `N` bytes; the helper checks the source address and writes at most that many.
        unsafe { bpf_probe_read_kernel_str(to.as_mut_ptr().cast(), N as u32, self.0 as *const _) as u64 }
    }
}

/// The n-th argument in the context of an fentry or LSM program, as a number; 0 where it cannot be read.
///
/// Read through a helper: what the program loads itself is a pointer to the verifier, which no function may be handed, and there is no
/// cast that forgets it.
#[inline(always)]
pub(crate) fn argument_word(context: *mut core::ffi::c_void, index: usize) -> u64 {
    KernelPtr(context as u64).read((index * 8) as u16).unwrap_or(0)
}

/// Copies `length` bytes of user memory to the front of `to`; false where a page is not there.
#[inline(always)]
pub(crate) fn read_user<const N: usize>(to: &mut [u8; N], length: u64, source: u64) -> bool {
    let length = opaque(length);
    let length = if length > N as u64 { N as u64 } else { length };
    // SAFETY: `length` is at most the size of `to`; the helper checks the user address and fails instead of faulting.
    unsafe { bpf_probe_read_user(to.as_mut_ptr().cast(), length as u32, source as *const _) == 0 }
}

/// All zeros, written word by word.
///
/// The compiler makes of an initialiser a call of `memset`, a loop over bytes of which the verifier follows every turn.
#[inline(always)]
pub(crate) fn zeroed<T: Copy>() -> T {
    const { assert!(size_of::<T>().is_multiple_of(4) && align_of::<T>() >= 4, "written in words of four bytes") };
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    let words = value.as_mut_ptr().cast::<u32>();
    for index in 0..size_of::<T>() / 4 {
        // SAFETY: within `value`, as asserted above.
        let word = unsafe { words.add(index) };
        // SAFETY: as above, and aligned.
        unsafe { word.write(opaque(0) as u32) };
    }
    // SAFETY: every byte was written; every `T` here is integers only.
    unsafe { value.assume_init() }
}

/// The same value, of which the compiler knows nothing any more.
///
/// A mask that the compiler proves redundant is dropped, and the verifier, which tracks each register by itself, then finds the index
/// unbounded ("R1 max value is outside of the allowed memory range", 5.10 to 7.3).
#[inline(always)]
pub(crate) fn opaque(mut value: u64) -> u64 {
    // SAFETY: copies a register onto itself. An instruction it must be: an empty template repeats a line in the line information,
    // which the kernel refuses ("Invalid line_info").
    unsafe { core::arch::asm!("{value} = {value}", value = inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
    value
}
