//! What an overlay does behind a file that was asked for: opens, copies and changes of its own, told from what a process does.
//!
//! Told apart by who does it and for which file, never by time: the overlay's nested open carries a mode bit and leads to the file that was
//! asked for, and everything else it does runs under the credentials of whoever mounted it (`fs/overlayfs/util.c`,
//! `ovl_override_creds`). What it copies up it announces (`security_inode_copy_up`, called by `fs/overlayfs/copy_up.c`).

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task};
use koney_common::{Gate, TrapEntry, TrapKey, identity::ROLE_BACKING, name::Decided, offsets::ABSENT};

use crate::{
    counters::add,
    gate,
    kernel::{KernelPtr, offset},
    maps::{DECIDED_BY_THREAD, TRAPS},
};

const BPF_ANY: u64 = 0;
const BPF_NOEXIST: u64 = 1;

/// The current thread's number in the initial pid namespace.
#[inline(always)]
fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

/// The current thread acts under other credentials than its own.
#[inline(always)]
pub(crate) fn borrowed_credentials(task: KernelPtr) -> bool {
    task.read::<u64>(offset!(task_cred)) != task.read::<u64>(offset!(task_real_cred))
}

/// The current thread has touched a trap on an overlay and the overlay's own open has not come yet. Cheap, and true too often.
#[inline(always)]
pub(crate) fn pending(gate: *mut Gate) -> bool {
    if !gate::decided(gate) {
        return false;
    }
    let count = gate::threads(gate, thread());
    // SAFETY: in bounds and aligned (`gate::threads`).
    unsafe { *count != 0 }
}

/// Notes what the current thread has touched on an overlay.
///
/// No room is no harm: what follows is then told too.
#[inline(never)]
pub(crate) fn decided(trap: u32) -> bool {
    note(trap, 0)
}

/// Notes that the file of a trap is being copied up by the current thread.
#[inline(never)]
pub(crate) fn copying(trap: u32) -> bool {
    note(trap, 1)
}

#[inline(always)]
fn note(trap: u32, copying: u32) -> bool {
    let thread = thread();
    let decided = Decided { start_time_ns: start_time(), trap, copying };
    if DECIDED_BY_THREAD.insert(thread, decided, BPF_NOEXIST).is_err() {
        return DECIDED_BY_THREAD.insert(thread, decided, BPF_ANY).is_ok();
    }
    let gate = gate::value();
    gate::note_decided(gate);
    add(gate::threads(gate, thread), 1);
    true
}

/// The trap whose file the current thread is copying up, once: what is opened next to write is the copy.
#[inline(always)]
pub(crate) fn take_copying() -> Option<u32> {
    match copied() {
        0 => None,
        word => Some((word >> 1) as u32),
    }
}

/// The same in a word: twice the trap and one, or zero. A function of its own for its stack.
#[inline(never)]
fn copied() -> u64 {
    let Some(decided) = DECIDED_BY_THREAD.get_ptr_mut(thread()) else { return 0 };
    // SAFETY: the entry of an LRU map is never freed; one that goes to another thread meanwhile has another start time.
    let decided = unsafe { &mut *decided };
    if decided.copying == 0 || decided.start_time_ns != start_time() {
        return 0;
    }
    decided.copying = 0;
    u64::from(decided.trap) << 1 | 1
}

/// What the current thread has touched on an overlay before.
///
/// It stays: for a thread that has touched a trap, what overlays do behind that same trap is told no more.
#[inline(always)]
pub(crate) fn before() -> Option<u32> {
    // SAFETY: integers; an entry that goes to another thread meanwhile costs a record too many.
    let decided = unsafe { DECIDED_BY_THREAD.get(thread()) }.copied()?;
    (decided.start_time_ns == start_time()).then_some(decided.trap)
}

#[inline(always)]
fn start_time() -> u64 {
    // SAFETY: takes no argument and reads no memory.
    let task = KernelPtr(unsafe { bpf_get_current_task() });
    task.read(offset!(task_start_time)).unwrap_or(0)
}

/// The current thread is inside an overlay that passes on what was noted.
#[inline(always)]
pub(crate) fn is_its_own(task: KernelPtr) -> bool {
    borrowed_credentials(task) && before().is_some()
}

/// The file that a process asked for, where an overlay opened another one for it; null where it asked for none.
///
/// Since 6.8 the file that the overlay opens has the path that was asked for behind it (`struct backing_file`, `fs/file_table.c`); before, that
/// path is its own, and only its inode is the other's (`open_with_fake_path`, `fs/open.c`).
#[inline(always)]
pub(crate) fn asked_for(file: KernelPtr) -> KernelPtr {
    let dentry = if offset!(backing_file_user_path) == ABSENT {
        file.next(offset!(file_dentry))
    } else {
        KernelPtr(file.0 + u64::from(offset!(backing_file_user_path))).next(offset!(path_dentry))
    };
    dentry.next(offset!(dentry_inode))
}

/// The file behind a trap is another one now (copied up): it is watched from here on.
#[inline(always)]
pub(crate) fn refresh(gate: *mut Gate, key: TrapKey, trap: u32) {
    let entry = TrapEntry { trap, role: ROLE_BACKING };
    // Where there is no room the agent's next look enters it, or says that it cannot.
    if TRAPS.insert(key, entry, BPF_NOEXIST).is_ok() {
        gate::open(gate, key);
    }
}
