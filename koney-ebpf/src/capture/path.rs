//! Paths, by one bounded walk over dentries and mounts.
//!
//! `bpf_d_path` is refused on many hooks and methods (on 5.10 for the working directory and the executable); this walk gives every
//! path as the process sees it, on every kernel. Names are read without the rename lock: a path that is being renamed can come out mixed, and
//! identity does not depend on it.

use koney_common::{
    Record,
    record::{NAME_LEN, PATH_AREA, PATH_LEN, valid},
};

use crate::kernel::{KernelPtr, offset, opaque};

/// Components and mount crossings followed.
const STEPS: u32 = 64;

/// One end of a walk.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    mount: KernelPtr,
    dentry: KernelPtr,
}

/// How a walk ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// At the process's root directory.
    Root,
    /// At the root of a mount tree that is not the process's.
    Outside,
    /// Out of room or out of steps: the first components are missing.
    Truncated,
}

#[inline(always)]
pub(crate) fn capture(record: &mut Record, task: KernelPtr, file: KernelPtr) {
    record.path_len = 0;
    record.cwd_len = 0;
    record.executable_len = 0;
    let Some(fs) = task.follow(offset!(task_fs)) else { return };
    let Some(root) = fs.member(offset!(fs_root)).and_then(place) else { return };
    let path = file.member(offset!(file_path));
    match path.and_then(|path| write(path, root, &mut record.path, &mut record.path_len)) {
        Some(End::Root) => record.valid |= valid::PATH,
        Some(End::Outside) => record.valid |= valid::PATH | valid::PATH_OUTSIDE_ROOT,
        Some(End::Truncated) => record.valid |= valid::PATH | valid::PATH_TRUNCATED,
        None => {}
    }
    let path = fs.member(offset!(fs_pwd));
    match path.and_then(|path| write(path, root, &mut record.cwd, &mut record.cwd_len)) {
        Some(End::Truncated) => record.valid |= valid::CWD | valid::CWD_TRUNCATED,
        Some(_) => record.valid |= valid::CWD,
        None => {}
    }
    let executable = task.follow(offset!(task_mm)).and_then(|mm| mm.follow(offset!(mm_exe_file)));
    let path = executable.and_then(|file| file.member(offset!(file_path)));
    match path.and_then(|path| write(path, root, &mut record.executable, &mut record.executable_len)) {
        Some(End::Truncated) => record.valid |= valid::EXECUTABLE | valid::EXECUTABLE_TRUNCATED,
        Some(_) => record.valid |= valid::EXECUTABLE,
        None => {}
    }
}

/// Reads a `struct path`.
#[inline(always)]
fn place(path: KernelPtr) -> Option<Place> {
    Some(Place { mount: path.follow(offset!(path_mount))?, dentry: path.follow(offset!(path_dentry))? })
}

/// Writes the components from the last to the first, each with its NUL.
#[inline(always)]
fn write(path: KernelPtr, root: Place, to: &mut [u8; PATH_AREA], used: &mut u16) -> Option<End> {
    let Place { mut mount, mut dentry } = place(path)?;
    for _ in 0..STEPS {
        if (Place { mount, dentry }) == root {
            return Some(End::Root);
        }
        if dentry == mount.follow(offset!(vfsmount_root))? {
            let inner = mount.container(offset!(mount_vfsmount))?;
            let outer = inner.follow(offset!(mount_parent))?;
            if outer == inner {
                return Some(End::Outside);
            }
            dentry = inner.follow(offset!(mount_mountpoint))?;
            mount = outer.member(offset!(mount_vfsmount))?;
            continue;
        }
        let start = position(used);
        if start >= PATH_LEN as u64 {
            return Some(End::Truncated);
        }
        set_position(used, start + component(dentry, start, to)?);
        let parent = dentry.follow(offset!(dentry_parent))?;
        if parent == dentry {
            return Some(End::Outside);
        }
        dentry = parent;
    }
    Some(End::Truncated)
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

/// Appends the dentry's name; its length with the NUL.
#[inline(always)]
fn component(dentry: KernelPtr, start: u64, to: &mut [u8; PATH_AREA]) -> Option<u64> {
    let name = dentry.follow(offset!(dentry_name))?;
    let start = opaque(start) as usize & (PATH_LEN - 1);
    // SAFETY: `start` is below PATH_LEN and the area is NAME_LEN longer than that.
    let end = unsafe { to.as_mut_ptr().add(start) };
    // SAFETY: NAME_LEN bytes fit behind `end`.
    let room = unsafe { &mut *end.cast::<[u8; NAME_LEN]>() };
    name.read_str(room).map(u64::from)
}
