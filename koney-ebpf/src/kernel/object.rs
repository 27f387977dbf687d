//! A kernel object as each kind of hook hands it over: one interface, two back ends.

use super::KernelPtr;
use koney_common::offsets::ABSENT;

/// Members by offset. `None` where this kernel has no such member, or the address cannot be read.
pub(crate) trait Object: Copy {
    /// A value member.
    fn value<T: Copy>(self, offset: u16) -> Option<T>;
    /// A pointer member that is never null.
    fn pointer(self, offset: u16) -> Option<Self>;
    /// A pointer member; `None` where it is null.
    fn follow(self, offset: u16) -> Option<Self>;
    /// Its address.
    fn address(self) -> KernelPtr;
}

/// An argument of an LSM or fentry program: the verifier knows its type, and a load is one instruction.
#[derive(Clone, Copy)]
pub(crate) struct Typed(pub(crate) *const u8);

impl Object for Typed {
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
    fn address(self) -> KernelPtr {
        KernelPtr(self.0 as u64)
    }
}

/// An address out of a kprobe's registers: a number to the verifier, so every read is a helper call.
#[derive(Clone, Copy)]
pub(crate) struct Probed(pub(crate) KernelPtr);

impl Object for Probed {
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
    fn address(self) -> KernelPtr {
        self.0
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
