//! Paths, by one bounded walk over dentries and mounts.
//!
//! `bpf_d_path` is refused on many hooks and methods (on 5.10 for the working directory and the executable); this walk gives every
//! path as the process sees it, on every kernel. Names are read without the rename lock: a path that is being renamed can come out mixed, and
//! identity does not depend on it.

use koney_common::{
    Record,
    offsets::ABSENT,
    record::{NAME_LEN, PATH_AREA, PATH_LEN, valid},
};

use super::Spot;
use crate::kernel::{KernelPtr, file, object::Probed, offset, opaque};

/// Components and mount crossings followed.
const STEPS: u32 = 40;

/// One end of a walk.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    mount: KernelPtr,
    dentry: KernelPtr,
}

/// What a walk says in the record, by how it ended.
///
/// Numbers and no enumeration: what is compared after the walk keeps its ends apart, and the verifier then follows what comes after it
/// once for each.
#[derive(Clone, Copy)]
struct Bits {
    /// At the process's root directory.
    root: u64,
    /// At the root of a mount tree that is not the process's.
    outside: u64,
    /// Out of room or out of steps: the first components are missing.
    truncated: u64,
}

#[inline(always)]
pub(crate) fn capture(record: &mut Record, task: KernelPtr, spot: Spot) {
    record.path_len = 0;
    record.cwd_len = 0;
    record.executable_len = 0;
    // Without one of these there are no paths; the kernels that koney was tried on have all.
    if is_absent() {
        return;
    }
    let (root, pwd) = (root_of(task), working_directory_of(task));
    root_directory(record, root);
    let (start, known) = start(spot, root, pwd);
    let outside = if known { valid::PATH_OUTSIDE_ROOT } else { valid::PATH_IN_FILE_SYSTEM };
    let bits = Bits { root: valid::PATH, outside: valid::PATH | outside, truncated: valid::PATH | valid::PATH_TRUNCATED };
    let written = write(start, root, &mut record.path, &mut record.path_len, bits);
    // A hook that knows no name tells no path.
    record.valid |= written & !if_zero(start.dentry.0);
    // Read anew: the verifier remembers which values are copies of one another, and would follow the next walk once for each way in
    // which the last one began.
    let (root, pwd) = (root_of(task), working_directory_of(task));
    let bits = Bits { root: valid::CWD, outside: valid::CWD, truncated: valid::CWD | valid::CWD_TRUNCATED };
    record.valid |= write(pwd, root, &mut record.cwd, &mut record.cwd_len, bits);
    let root = root_of(task);
    let executable = task.next(offset!(task_mm)).next(offset!(mm_exe_file));
    // A kernel thread has none.
    if executable != KernelPtr(0) {
        let path = place(KernelPtr(executable.0 + u64::from(offset!(file_path))));
        let truncated = valid::EXECUTABLE | valid::EXECUTABLE_TRUNCATED;
        let bits = Bits { root: valid::EXECUTABLE, outside: valid::EXECUTABLE, truncated };
        record.valid |= write(path, root, &mut record.executable, &mut record.executable_len, bits);
    }
}

#[inline(always)]
fn root_of(task: KernelPtr) -> Place {
    place(KernelPtr(task.next(offset!(task_fs)).0 + u64::from(offset!(fs_root))))
}

#[inline(always)]
fn working_directory_of(task: KernelPtr) -> Place {
    place(KernelPtr(task.next(offset!(task_fs)).0 + u64::from(offset!(fs_pwd))))
}

/// By which the agent knows whose paths these are.
#[inline(always)]
fn root_directory(record: &mut Record, root: Place) {
    let Some(inode) = root.dentry.follow(offset!(dentry_inode)) else { return };
    if let Some(key) = file::key(Probed(inode)) {
        record.root_inode = key.inode;
        record.root_device = key.device;
        record.valid |= valid::ROOT;
    }
}

/// A hook that knows no mount tells only where the entry stands in its file system: the process's root or working directory
/// may be on the same one. The second value says that the mount is known.
#[inline(always)]
fn start(spot: Spot, root: Place, pwd: Place) -> (Place, bool) {
    let Spot { mount, dentry } = spot;
    if mount != KernelPtr(0) {
        return (Place { mount, dentry }, true);
    }
    let wanted = dentry.next(offset!(dentry_super_block));
    if wanted == root.mount.next(offset!(vfsmount_super_block)) {
        return (Place { mount: root.mount, dentry }, true);
    }
    if wanted == pwd.mount.next(offset!(vfsmount_super_block)) {
        return (Place { mount: pwd.mount, dentry }, true);
    }
    (Place { mount: KernelPtr(0), dentry }, false)
}

/// Reads a `struct path`.
#[inline(always)]
fn place(path: KernelPtr) -> Place {
    Place { mount: path.next(offset!(path_mount)), dentry: path.next(offset!(path_dentry)) }
}

/// A member that the walk needs does not exist in this kernel. Constant to the verifier.
#[inline(always)]
fn is_absent() -> bool {
    offset!(task_fs) == ABSENT
        || offset!(fs_root) == ABSENT
        || offset!(fs_pwd) == ABSENT
        || offset!(path_mount) == ABSENT
        || offset!(path_dentry) == ABSENT
        || offset!(file_path) == ABSENT
        || offset!(task_mm) == ABSENT
        || offset!(mm_exe_file) == ABSENT
        || offset!(vfsmount_root) == ABSENT
        || offset!(mount_vfsmount) == ABSENT
        || offset!(mount_parent) == ABSENT
        || offset!(mount_mountpoint) == ABSENT
        || offset!(dentry_parent) == ABSENT
        || offset!(dentry_name) == ABSENT
}

/// Writes the components from the last to the first, each with its NUL.
///
/// A turn reads what either kind of step needs, a name or a way out of a mount, and masks away the other: every branch of it would be
/// another state in which the verifier follows the rest of the walk. What cannot be read is null, and a null entry ends the walk like
/// a root that is not the process's.
#[inline(always)]
fn write(path: Place, root: Place, to: &mut [u8; PATH_AREA], used: &mut u16, bits: Bits) -> u64 {
    let Place { mut mount, mut dentry } = path;
    for _ in 0..STEPS {
        let inner = KernelPtr(mount.0.wrapping_sub(u64::from(offset!(mount_vfsmount))));
        let outer = inner.next(offset!(mount_parent));
        let parent = dentry.next(offset!(dentry_parent));
        let crossing = if_zero(dentry.0 ^ mount.next(offset!(vfsmount_root)).0);
        let start = position(used);

        let at_root = if_zero((mount.0 ^ root.mount.0) | (dentry.0 ^ root.dentry.0));
        let top_of_tree = (crossing & if_zero(outer.0 ^ inner.0)) | (!crossing & if_zero(parent.0 ^ dentry.0));
        let outside = top_of_tree | if_zero(dentry.0);
        let full = !crossing & if_negative((PATH_LEN as u64 - 1).wrapping_sub(opaque(start)));
        if at_root | outside | full != 0 {
            let elsewhere = (outside & bits.outside) | (!outside & bits.truncated);
            return (at_root & bits.root) | (!at_root & elsewhere);
        }

        let length = component(KernelPtr(dentry.next(offset!(dentry_name)).0 & !crossing), start, to);
        set_position(used, start + (length & !crossing));
        dentry = KernelPtr((crossing & inner.next(offset!(mount_mountpoint)).0) | (!crossing & parent.0));
        mount = KernelPtr((crossing & (outer.0 + u64::from(offset!(mount_vfsmount)))) | (!crossing & mount.0));
    }
    bits.truncated
}

/// All ones for zero, else none; without a branch.
#[inline(always)]
fn if_zero(value: u64) -> u64 {
    !if_negative(value | opaque(value.wrapping_neg()))
}

/// All ones for what is negative as a signed number, else none; without a branch.
#[inline(always)]
fn if_negative(value: u64) -> u64 {
    // The compiler would know the result for a mask, and make branches of what it masks.
    opaque((value as i64 >> 63) as u64)
}

/// How much of the area is used.
///
/// Kept in the record and re-read at every step: in a register the verifier would know its bounds, find them different on each of
/// the loop's branches, and follow every combination of branches ("BPF program is too large", 6.12).
#[inline(always)]
fn position(used: &u16) -> u64 {
    // SAFETY: a reference is valid to read.
    u64::from(unsafe { core::ptr::read_volatile(used) })
}

#[inline(always)]
fn set_position(used: &mut u16, position: u64) {
    // SAFETY: an exclusive reference is valid to write.
    unsafe { core::ptr::write_volatile(used, position as u16) };
}

/// Appends a name; its length with the NUL, none where it cannot be read.
#[inline(always)]
fn component(name: KernelPtr, start: u64, to: &mut [u8; PATH_AREA]) -> u64 {
    let start = opaque(start) as usize & (PATH_LEN - 1);
    // SAFETY: `start` is below PATH_LEN and the area is NAME_LEN longer than that.
    let end = unsafe { to.as_mut_ptr().add(start) };
    // SAFETY: NAME_LEN bytes fit behind `end`.
    let room = unsafe { &mut *end.cast::<[u8; NAME_LEN]>() };
    let length = name.copy_str(room);
    length & !if_negative(length)
}
