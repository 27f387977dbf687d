//! A kernel object as each kind of hook hands it over: one interface, two back ends.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use koney_common::offsets::{ABSENT, Extent};

use super::KernelPtr;

/// Members by offset. `None` where this kernel has no such member, or the address cannot be read.
pub(crate) trait Object: Copy {
    /// Several members at once, from a part of so many words.
    type Part<'a, const WORDS: usize>: Part<Of = Self>;
    /// A value member.
    fn value<T: Copy>(self, offset: u16) -> Option<T>;
    /// A pointer member that is never null.
    fn pointer(self, offset: u16) -> Option<Self>;
    /// A pointer member; `None` where it is null.
    fn follow(self, offset: u16) -> Option<Self>;
    /// What lies in the extent, read at once where that is cheaper than member by member.
    fn part<const WORDS: usize>(self, extent: Extent, room: &mut Room<WORDS>) -> Self::Part<'_, WORDS>;
}

/// Where a part is copied to. Apart from what describes the copy: of that the verifier must know every value, and it forgets those
/// of less than eight bytes that were kept in memory.
pub(crate) type Room<const WORDS: usize> = MaybeUninit<[u64; WORDS]>;

/// Members of an object that were asked for at once; offsets are those in the object.
pub(crate) trait Part {
    /// What the pointers among them lead to.
    type Of: Object;
    /// As [`Object::value`].
    fn value<T: Copy>(&self, offset: u16) -> Option<T>;
    /// As [`Object::pointer`].
    fn pointer(&self, offset: u16) -> Option<Self::Of>;
    /// As [`Object::follow`].
    fn follow(&self, offset: u16) -> Option<Self::Of>;
}

/// An argument of an LSM or fentry program: the verifier knows its type, and a load is one instruction.
#[derive(Clone, Copy)]
pub(crate) struct Typed(pub(crate) *const u8);

impl Object for Typed {
    type Part<'a, const WORDS: usize> = Self;

    #[inline(always)]
    fn value<T: Copy>(self, offset: u16) -> Option<T> {
        if offset == ABSENT { None } else { Some(load(self.0, offset)) }
    }

    #[inline(always)]
    fn pointer(self, offset: u16) -> Option<Self> {
        self.value(offset).map(Self)
    }

    #[inline(always)]
    fn follow(self, offset: u16) -> Option<Self> {
        self.pointer(offset).filter(|object| !object.0.is_null())
    }

    #[inline(always)]
    fn part<const WORDS: usize>(self, _extent: Extent, _room: &mut Room<WORDS>) -> Self {
        self
    }
}

/// A load is as cheap as it gets.
impl Part for Typed {
    type Of = Self;

    #[inline(always)]
    fn value<T: Copy>(&self, offset: u16) -> Option<T> {
        Object::value(*self, offset)
    }

    #[inline(always)]
    fn pointer(&self, offset: u16) -> Option<Self> {
        Object::pointer(*self, offset)
    }

    #[inline(always)]
    fn follow(&self, offset: u16) -> Option<Self> {
        Object::follow(*self, offset)
    }
}

/// An address out of a kprobe's registers: a number to the verifier, so every read is a helper call.
#[derive(Clone, Copy)]
pub(crate) struct Probed(pub(crate) KernelPtr);

impl Object for Probed {
    type Part<'a, const WORDS: usize> = Copied<'a, WORDS>;

    #[inline(always)]
    fn value<T: Copy>(self, offset: u16) -> Option<T> {
        self.0.read(offset)
    }

    #[inline(always)]
    fn pointer(self, offset: u16) -> Option<Self> {
        self.follow(offset)
    }

    #[inline(always)]
    fn follow(self, offset: u16) -> Option<Self> {
        self.0.follow(offset).map(Self)
    }

    #[inline(always)]
    fn part<const WORDS: usize>(self, extent: Extent, room: &mut Room<WORDS>) -> Copied<'_, WORDS> {
        if extent.length != 0 {
            let source = self.0.0 + u64::from(extent.start);
            // SAFETY: an extent is no longer than its room (`Extent::of` of koney-common), which the verifier checks again: to it the
            // length is a constant. The helper fails instead of faulting, and fills what it was given with zeros then.
            unsafe { bpf_probe_read_kernel(room.as_mut_ptr().cast(), extent.length, source as *const _) };
        }
        Copied { object: self, extent, room }
    }
}

/// A copy of the part, or, of length 0, a promise to read each member when it is asked for.
pub(crate) struct Copied<'a, const WORDS: usize> {
    object: Probed,
    extent: Extent,
    room: &'a Room<WORDS>,
}

impl<const WORDS: usize> Part for Copied<'_, WORDS> {
    type Of = Probed;

    #[inline(always)]
    fn value<T: Copy>(&self, offset: u16) -> Option<T> {
        if self.extent.length == 0 {
            return self.object.value(offset);
        }
        let member = self.room.as_ptr().cast::<u8>().wrapping_add((u64::from(offset) - u64::from(self.extent.start)) as usize);
        // SAFETY: the extent holds the member (`Offsets::inode_extent` and its like in koney-common), which the verifier checks again: to it
        // all of these are constants. It is aligned as in the object. The helper wrote the bytes; every `T` read here is an integer.
        Some(unsafe { member.cast::<T>().read() })
    }

    #[inline(always)]
    fn pointer(&self, offset: u16) -> Option<Probed> {
        self.follow(offset)
    }

    #[inline(always)]
    fn follow(&self, offset: u16) -> Option<Probed> {
        match self.value::<u64>(offset) {
            Some(0) | None => None,
            Some(address) => Some(Probed(KernelPtr(address))),
        }
    }
}

/// Loads a member of a kernel object.
#[inline(always)]
fn load<T: Copy>(object: *const u8, offset: u16) -> T {
    let member = object.wrapping_add(offset as usize).cast::<T>();
    // SAFETY: `object` is the hook's argument or was loaded from it, so the verifier tracks it as a pointer to a kernel type and checks
    // offset and width against that type; such loads are exception-handled and yield zero on a bad address
    // (`kernel/bpf/verifier.c`, `check_ptr_to_btf_access`, PROBE_MEM). `T` is an integer or a pointer.
    unsafe { core::ptr::read(member) }
}
