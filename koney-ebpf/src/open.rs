//! The identity check.

use aya_ebpf::EbpfContext;
use koney_common::{
    Counter,
    identity::{CANARY_TRAP, ROLE_BACKING},
};

use crate::{
    arming,
    capture::{self, Access},
    counters::count,
    gate,
    kernel::file::File,
    maps::{GATE, TRAPS},
    throttle,
};

/// An overlay opens the file behind the one that was asked for with this mode bit (`FMODE_NOACCOUNT`, `include/linux/fs.h`; set by
/// `alloc_empty_file_noaccount`, since 6.5 by `alloc_empty_backing_file`, `fs/file_table.c`). No system call can set it. Seen on 5.10
/// to 7.3.
const FMODE_NOACCOUNT: u32 = 0x2000_0000;

/// Called for every open on the node.
#[inline(always)]
pub(crate) fn seen<C: EbpfContext>(ctx: &C, file: impl File) {
    let Some(gate) = GATE.get_ptr_mut(0) else { return };
    let Some(key) = file.key() else { return };
    if gate::closed(gate, key) {
        return;
    }
    let nested = file.mode() & FMODE_NOACCOUNT != 0;
    if gate::arming(gate) && arming::answer(file.address(), key, nested) {
        return;
    }
    // SAFETY: two integers. The element of a key that is removed at this moment can already belong to another key: the record then
    // carries that trap's number, and the agent goes by the key.
    let Some(entry) = (unsafe { TRAPS.get(key) }) else { return };
    let entry = *entry;
    if nested && entry.role == ROLE_BACKING {
        count(Counter::Nested);
        return;
    }
    let access = Access { file: file.address(), key, trap: entry.trap, nested };
    if entry.trap == CANARY_TRAP {
        // Every touch of it is to be seen, and none is an access.
        count(Counter::Canary);
        capture::emit(ctx, access);
        return;
    }
    count(Counter::Seen);
    let repeats = throttle::key(access.file, key);
    if let Some(repeats) = &repeats
        && throttle::repeated(repeats)
    {
        count(Counter::Throttled);
        return;
    }
    if capture::emit(ctx, access) {
        count(Counter::Emitted);
        return;
    }
    count(Counter::Dropped);
    if let Some(repeats) = &repeats {
        throttle::forget(repeats);
    }
}
