//! The attach points. Each is one call; none decides anything about the act itself.
//!
//! LSM programs return 0, which keeps the verdict: the trampoline calls a later BPF program of the hook only while every earlier one
//! returned 0 (`arch/x86/net/bpf_jit_comp.c`, `invoke_bpf_mod_ret`), so the previous verdict is 0 whenever they run.

mod fentry;
mod fexit;
mod floor;
mod kprobe;
mod lsm;

use aya_ebpf::EbpfContext;
use koney_common::record::operation;

use crate::{
    every,
    kernel::{KernelPtr, object::Object},
    tamper,
};

/// The arguments of a hook, each in two forms: as what the fast check can load from, and as a number, which is all that may be
/// handed to a function.
trait Arguments: EbpfContext {
    type Object: Object;
    /// As an object.
    fn object(&self, index: usize) -> Option<Self::Object>;
    /// As a number.
    fn word(&self, index: usize) -> u64;
}

/// Looks more closely at an open.
#[inline(always)]
fn file_opened<A: Arguments>(arguments: &A, reason: u64) {
    if every::look(arguments.word(0), reason) != 0 {
        aya_log_ebpf::debug!(arguments, "an open was recorded");
    }
}

/// Makes the program of an open, whose context is given; a macro, because what is called for the few opens of interest must be a function of its
/// own for each kind of context.
macro_rules! file_open {
    ($context:ident, $object:expr) => {{
        #[inline(never)]
        fn opened(context: *mut core::ffi::c_void, reason: u64) -> u64 {
            let context = $context::new(context);
            if reason != $crate::every::Reason::Armed as u64 || $crate::every::is_more_than_its_slots(|| $object(&context)) {
                $crate::hooks::file_opened(&context, reason);
            }
            0
        }
        |context: &$context| {
            if let Some(reason) = $crate::every::of_interest($object(context), || $object(context)) {
                opened(aya_ebpf::EbpfContext::as_ptr(context), reason as u64);
            }
        }
    }};
}

use file_open;

/// The file of the entry that is argument `index` is changed.
#[inline(always)]
fn changed<A: Arguments>(arguments: &A, index: usize, operation: u8) {
    if arguments.object(index).is_some_and(tamper::is_of_interest)
        && tamper::koney_changed(arguments.word(index), u64::from(operation)) != 0
    {
        aya_log_ebpf::debug!(arguments, "a change was recorded: {}", operation);
    }
}

/// The entry that is argument `index` gets the file of the entry that is argument `by`, or a new one.
#[inline(always)]
fn placed<A: Arguments>(arguments: &A, index: usize, by: Option<usize>, operation: u8) {
    if arguments.object(index).is_some_and(tamper::is_of_interest) {
        let by = by.map_or(0, |by| arguments.word(by));
        if tamper::koney_placed(arguments.word(index), by, u64::from(operation)) != 0 {
            aya_log_ebpf::debug!(arguments, "a change was recorded: {}", operation);
        }
    }
}

/// `link` gives the file of argument 0 the name of argument 2 as well.
#[inline(always)]
fn linked<A: Arguments>(arguments: &A) {
    changed(arguments, 0, operation::LINK);
    placed(arguments, 2, Some(0), operation::REPLACE);
}

/// `security_inode_rename` is called once for an exchange, of which each side is moved.
#[inline(always)]
fn rename_from<A: Arguments>(arguments: &A) {
    changed(arguments, 1, operation::RENAME);
    if arguments.word(4) & RENAME_EXCHANGE != 0 {
        changed(arguments, 3, operation::RENAME);
    }
}

/// And each side takes the other's place.
#[inline(always)]
fn rename_to<A: Arguments>(arguments: &A) {
    placed(arguments, 3, Some(1), operation::REPLACE);
    if arguments.word(4) & RENAME_EXCHANGE != 0 {
        placed(arguments, 1, Some(3), operation::REPLACE);
    }
}

/// `setattr`, whose entry is argument `index`.
#[inline(always)]
fn attributes<A: Arguments>(arguments: &A, index: usize) {
    if arguments.object(index).is_some_and(tamper::is_of_interest) {
        let operation = tamper::of_attributes(KernelPtr(arguments.word(index + 1)));
        if operation == tamper::PART_OF_AN_OPEN {
            tamper::truncated_by_open(KernelPtr(arguments.word(index)));
        } else if operation != 0 && tamper::koney_changed(arguments.word(index), u64::from(operation)) != 0 {
            aya_log_ebpf::debug!(arguments, "a change was recorded: {}", operation);
        }
    }
}

/// The file of the entry that is argument 0 is copied up.
#[inline(always)]
fn copied_up<A: Arguments>(arguments: &A) {
    if arguments.object(0).is_some_and(tamper::is_copy_of_interest) {
        tamper::copied_up(KernelPtr(arguments.word(0)));
    }
}

/// `RENAME_EXCHANGE`, `include/uapi/linux/fs.h`.
const RENAME_EXCHANGE: u64 = 1 << 1;
