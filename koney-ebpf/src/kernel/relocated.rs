//! What the check of every open loads, each an instruction that the agent completes (`koney_common::relocation`).

use core::{arch::asm, ffi::c_void};

use koney_common::relocation::{CAST, FILE_TYPE, Member};

/// The constant that stands at this place: one to the verifier, and to the compiler any number.
macro_rules! immediate {
    ($place:expr) => {{
        let value: u64;
        // SAFETY: a constant, whose value the agent fills in.
        unsafe {
            core::arch::asm!(
                "{value} = {place}",
                value = lateout(reg) value,
                place = const { $place },
                options(pure, nomem, nostack)
            );
        }
        value
    }};
}

/// A load of this width from an object or a copy of one, from the offset that stands at this place.
macro_rules! load {
    ($width:literal, $object:expr, $place:expr) => {{
        let value: u64;
        // SAFETY: a load whose offset the agent fills in, and which the verifier checks against what it knows of the object.
        unsafe {
            core::arch::asm!(
                concat!("{value} = *(", $width, " *)({object} + {place})"),
                value = lateout(reg) value,
                object = in(reg) $object,
                place = const { $place },
                options(pure, readonly, nostack)
            );
        }
        value
    }};
}

/// A load of four bytes.
macro_rules! half {
    ($object:expr, $place:expr) => {{
        let value = $crate::kernel::relocated::load!("u32", $object, $place);
        // SAFETY: a load of four bytes leaves zeros above them.
        unsafe { core::hint::assert_unchecked(u32::try_from(value).is_ok()) };
        value as u32
    }};
}

pub(crate) use {half, immediate, load};

/// An object of the kernel whose type the verifier knows, so that a load is one instruction: the argument of an LSM or fentry program or
/// what was loaded from it. A bad address gives zero (`kernel/bpf/verifier.c`, `check_ptr_to_btf_access`, `PROBE_MEM`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Typed(u64);

impl Typed {
    /// The first argument of an LSM or fentry program, which its context begins with.
    #[inline(always)]
    pub(crate) fn first_argument(context: *const c_void) -> Self {
        // SAFETY: the context is an array of arguments, of which these programs have one at least. Volatile: it is to be loaded again rather
        // than kept.
        Self(unsafe { core::ptr::read_volatile(context.cast::<u64>()) })
    }

    /// A number that is the address of a `struct file`, since 6.2.
    #[inline(always)]
    pub(crate) fn cast(file: u64) -> Self {
        let kind = immediate!(FILE_TYPE);
        let object;
        // SAFETY: becomes a call of `bpf_rdonly_cast`, which changes nothing but what the verifier knows, and like every call may leave
        // anything in the registers of arguments.
        unsafe {
            asm!(
                "call {place}",
                place = const CAST,
                inlateout("r1") file => _,
                inlateout("r2") kind => _,
                lateout("r0") object,
                lateout("r3") _,
                lateout("r4") _,
                lateout("r5") _,
                options(pure, nomem, nostack)
            );
        };
        Self(object)
    }

    /// A member of eight bytes, or a pointer. The verifier checks offset and width against the object's type.
    #[inline(always)]
    pub(crate) fn word<const MEMBER: i16>(self) -> u64 {
        load!("u64", self.0, MEMBER)
    }

    /// A member of four bytes.
    #[inline(always)]
    pub(crate) fn half<const MEMBER: i16>(self) -> u32 {
        half!(self.0, MEMBER)
    }

    /// What a member points to.
    #[inline(always)]
    pub(crate) fn follow<const MEMBER: i16>(self) -> Self {
        Self(self.word::<MEMBER>())
    }
}

/// The offsets that stand for members.
pub(crate) mod member {
    use super::Member;

    pub(crate) const INODE: i16 = Member::Inode.place();
    pub(crate) const DENTRY: i16 = Member::Dentry.place();
    pub(crate) const MOUNT: i16 = Member::Mount.place();
    pub(crate) const MODE: i16 = Member::Mode.place();
    pub(crate) const INODE_NUMBER: i16 = Member::InodeNumber.place();
    pub(crate) const SUPER_BLOCK: i16 = Member::SuperBlock.place();
    pub(crate) const DEVICE: i16 = Member::Device.place();
    pub(crate) const NAME_LENGTH: i16 = Member::NameLength.place();
    pub(crate) const INLINE_NAME: i16 = Member::InlineName.place();
    pub(crate) const MOUNT_ROOT: i16 = Member::MountRoot.place();
}
