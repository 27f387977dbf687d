//! Standing elsewhere: namespaces, mounts and roots of the intruder's own making.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::Read as _,
};

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, unshare};
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    mount::{
        MountFlags, MountPropagationFlags, OpenTreeFlags, mount, mount_bind_recursive, mount_change, mount_remount, open_tree,
    },
    process::{chroot, getegid, geteuid},
};

use crate::steps::{Act, Hands, path};

pub(crate) const ACTS: &[(&str, Act)] = &[
    ("chroot", |arguments, _| {
        chroot(path(arguments, 0)?)?;
        Ok(env::set_current_dir("/")?)
    }),
    ("unshare", leave),
    ("bind", |arguments, _| Ok(mount_bind_recursive(path(arguments, 0)?, path(arguments, 1)?)?)),
    ("detached", detached),
    ("readonly", |arguments, _| Ok(mount_remount(path(arguments, 0)?, MountFlags::BIND | MountFlags::RDONLY, "")?)),
    ("tmpfs", |arguments, _| Ok(mount("tmpfs", path(arguments, 0)?, "tmpfs", MountFlags::empty(), None)?)),
    ("overlay", overlay),
];

/// `unshare user mount pid`: leaves these namespaces; a process id namespace is for the children.
fn leave(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let mut flags = CloneFlags::empty();
    for word in arguments {
        flags |= match word.to_str() {
            Some("user") => CloneFlags::CLONE_NEWUSER,
            Some("mount") => CloneFlags::CLONE_NEWNS,
            Some("pid") => CloneFlags::CLONE_NEWPID,
            Some("cgroup") => CloneFlags::CLONE_NEWCGROUP,
            _ => bail!("there is no namespace {}", word.display()),
        };
    }
    let (uid, gid) = (geteuid(), getegid());
    unshare(flags)?;
    if flags.contains(CloneFlags::CLONE_NEWUSER) {
        // The kernel takes the map of groups only from whoever has given up changing them.
        fs::write("/proc/self/setgroups", "deny").context("give up groups")?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).context("map the user")?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).context("map the group")?;
    }
    if flags.contains(CloneFlags::CLONE_NEWNS) {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("keep mounts to itself")?;
    }
    Ok(())
}

/// `detached FOLDER NAME`: reads a file of a folder in a mount that is nowhere.
fn detached(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let folder = open_tree(CWD, path(arguments, 0)?, flags).context("clone the mount")?;
    let file = openat(&folder, path(arguments, 1)?, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut content = Vec::new();
    File::from(file).read_to_end(&mut content)?;
    Ok(())
}

/// `overlay LOWER STAGE MERGED`: lays an overlay over a folder; what is written goes to the stage, on a tmpfs of its own.
fn overlay(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let (lower, stage, merged) = (path(arguments, 0)?.display(), path(arguments, 1)?.display(), path(arguments, 2)?);
    mount("tmpfs", path(arguments, 1)?, "tmpfs", MountFlags::empty(), None).context("mount the stage")?;
    for folder in ["upper", "work"] {
        fs::create_dir(format!("{stage}/{folder}"))?;
    }
    // In a user namespace the overlay keeps its notes where its owner may write them (Linux 5.11).
    let notes = if fs::read_to_string("/proc/self/uid_map")?.contains("4294967295") { "" } else { ",userxattr" };
    let options = format!("lowerdir={lower},upperdir={stage}/upper,workdir={stage}/work{notes}");
    let options = std::ffi::CString::new(options)?;
    mount("overlay", merged, "overlay", MountFlags::empty(), Some(options.as_c_str())).context("mount the overlay")
}
