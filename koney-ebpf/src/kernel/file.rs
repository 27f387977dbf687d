//! The opened file, as each kind of hook hands it over.

use koney_common::TrapKey;

use super::{KernelPtr, offset};

/// What the check of every open reads.
///
/// The agent refuses to load the programs where one of these members is absent, so no test is spent on that here.
pub(crate) trait File: Copy {
    /// The kernel's identity of the file.
    fn key(self) -> Option<TrapKey>;
    /// `file.f_mode`.
    fn mode(self) -> u32;
    /// Its address.
    fn address(self) -> KernelPtr;
}

/// The `struct file *` of an LSM or fentry program: the verifier knows its type, and a load is one instruction.
#[derive(Clone, Copy)]
pub(crate) struct Typed(pub(crate) *const u8);

impl File for Typed {
    #[inline(always)]
    fn key(self) -> Option<TrapKey> {
        let inode: *const u8 = load(self.0, offset!(file_inode));
        let super_block: *const u8 = load(inode, offset!(inode_super_block));
        Some(TrapKey::new(load(super_block, offset!(super_block_device)), load(inode, offset!(inode_number))))
    }

    #[inline(always)]
    fn mode(self) -> u32 {
        load(self.0, offset!(file_mode))
    }

    #[inline(always)]
    fn address(self) -> KernelPtr {
        KernelPtr(self.0 as u64)
    }
}

/// The `struct file *` out of a kprobe's registers: a number to the verifier, so every read is a helper call.
#[derive(Clone, Copy)]
pub(crate) struct Probed(pub(crate) KernelPtr);

impl File for Probed {
    #[inline(always)]
    fn key(self) -> Option<TrapKey> {
        let inode = self.0.follow(offset!(file_inode))?;
        let super_block = inode.follow(offset!(inode_super_block))?;
        Some(TrapKey::new(super_block.read(offset!(super_block_device))?, inode.read(offset!(inode_number))?))
    }

    #[inline(always)]
    fn mode(self) -> u32 {
        self.0.read(offset!(file_mode)).unwrap_or(0)
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
