//! Arming by opening: the agent opens a file, and the program that sees it enters the keys that the kernel uses for it.

use aya_ebpf::helpers::bpf_get_current_task;
use koney_common::{
    ArmRequest, Counter, TrapEntry, TrapKey,
    identity::{ARM_KEYS, NO_TRAP, ROLE_BACKING, ROLE_OWN},
};

use crate::{
    capture::pids,
    counters::count,
    gate,
    kernel::{KernelPtr, offset},
    maps::{ARMING, TRAPS},
};

const BPF_NOEXIST: u64 = 1;
const BPF_EXIST: u64 = 2;

/// True where the current thread is arming: its open is the agent's own and raises nothing.
#[inline(always)]
pub(crate) fn answer(inode: KernelPtr, key: TrapKey, nested: bool) -> bool {
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    let Some(thread) = pids::of_thread(task) else { return false };
    let Some(request) = ARMING.get_ptr_mut(thread) else { return false };
    // SAFETY: the entry is preallocated and its only other user is the thread that is now inside this open.
    let request = unsafe { &mut *request };
    let generation = inode.read(offset!(inode_generation)).unwrap_or(0);
    enter(request, key, generation, if nested { ROLE_BACKING } else { ROLE_OWN });
    true
}

#[inline(always)]
fn enter(request: &mut ArmRequest, key: TrapKey, generation: u32, role: u32) {
    let index = request.filled as usize;
    if index >= ARM_KEYS {
        return;
    }
    let entry = TrapEntry { trap: request.trap, role };
    let holder = if request.ask != 0 {
        request.trap
    } else if TRAPS.insert(key, entry, BPF_NOEXIST).is_ok() {
        count(Counter::Armed);
        request.trap
    } else {
        // SAFETY: see `open::seen`; the copy is taken at once.
        let present = unsafe { TRAPS.get(key) }.copied();
        match present {
            // Known as what an overlay keeps behind another file, and now a trap of its own.
            Some(present) if present.role == ROLE_BACKING && role == ROLE_OWN && TRAPS.insert(key, entry, BPF_EXIST).is_err() => {
                NO_TRAP
            }
            Some(present) => present.trap,
            None => NO_TRAP,
        }
    };
    if holder == NO_TRAP {
        count(Counter::ArmFailed);
    }
    if request.ask == 0 {
        gate::open(gate::value(), key);
    }
    // Two fixed places instead of an index: 5.10's verifier loses the bound of a computed one.
    if index == 0 {
        request.keys[0] = key;
        request.generations[0] = generation;
        request.holders[0] = holder;
    } else {
        request.keys[1] = key;
        request.generations[1] = generation;
        request.holders[1] = holder;
    }
    request.filled += 1;
}
