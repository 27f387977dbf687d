//! The kernel's type information: takes the bytes of `/sys/kernel/btf/vmlinux`, gives the offsets of members.
//!
//! Format: `Documentation/bpf/btf.rst` and `include/uapi/linux/btf.h` (6.12). Every read is bounded, every walk has a depth: the
//! file comes from the kernel, but nothing here may panic on any bytes.

mod function;
mod named;
mod raw;
mod resolve;

#[cfg(any(test, fuzzing))]
pub mod properties;
#[cfg(test)]
mod resolve_properties;
#[cfg(test)]
pub(crate) mod synthetic;

pub use raw::{Btf, BtfError};
pub(super) use resolve::sayable;
pub use resolve::{Expect, MemberError};
