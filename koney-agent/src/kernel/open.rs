//! Opening a decoy without being led astray: inside a root, by descriptor, regular files only.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2},
    io::Errno,
};
use thiserror::Error;

/// The decoy is not there to be armed; the operator plants it, the agent tries again.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("does not exist")]
    Missing,
    /// A directory, a device, a pipe: not a decoy that can be read.
    #[error("is not a regular file but a {0}")]
    NotRegular(&'static str),
    /// Everything else.
    #[error("cannot be opened: {0}")]
    Io(#[from] io::Error),
}

/// What tells that a file is still the one that was opened before, without opening it: an open would show every five seconds, to
/// whoever watches the folder with inotify, which of its files are decoys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    changed: (i64, u64),
}

impl Stamp {
    /// Device and inode, as `stat` has them.
    pub(super) const fn file(self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// A regular file, found and not opened.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: OwnedFd,
    pub(super) stamp: Stamp,
}

/// Resolves `path` below `root` (a symlink cannot lead out of it) without opening it for reading: no `file_open` is raised.
pub(super) fn resolve(root: impl AsFd, path: &Path) -> Result<Found, OpenError> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let file = openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT).map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR => OpenError::Missing,
        other => OpenError::Io(other.into()),
    })?;
    let status = fstat(&file).map_err(io::Error::from)?;
    let stamp = Stamp { device: status.st_dev, inode: status.st_ino, changed: (status.st_ctime, status.st_ctime_nsec) };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => Ok(Found { file, stamp }),
        other => Err(OpenError::NotRegular(name(other))),
    }
}

impl Found {
    /// The path without symbolic links; `None` where the kernel does not tell a whole one.
    pub(super) fn canonical(&self) -> Option<PathBuf> {
        use std::os::fd::AsRawFd as _;
        let path = std::fs::read_link(format!("/proc/self/fd/{}", self.file.as_raw_fd())).ok()?;
        path.is_absolute().then_some(path)
    }
}

/// Opens a directory that a descriptor points to.
pub(super) fn reopen_directory(found: impl AsFd) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(found, ".", flags, Mode::empty())?)
}

/// Opens what a descriptor points to, which raises `file_open` on exactly that inode.
pub(super) fn reopen(found: impl AsFd) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd as _;
    let link = format!("/proc/self/fd/{}", found.as_fd().as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = |flags| rustix::fs::openat(CWD, link.as_str(), flags, Mode::empty());
    // O_NOATIME is refused to anyone but the owner and CAP_FOWNER; a changed access time is better than an unarmed trap.
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => Ok(open(flags)?),
        other => Ok(other?),
    }
}

fn name(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "directory",
        FileType::Symlink => "symbolic link",
        FileType::Fifo => "pipe",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        _ => "file of unknown type",
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use rustix::fs::open;

    use super::*;
    use crate::kernel::Root;

    #[test]
    fn a_symlink_cannot_lead_out_of_the_root() {
        let folder = tempfile::tempdir().expect("temporary folder");
        symlink("/etc/hostname", folder.path().join("decoy")).expect("symlink");
        let root = open(folder.path(), OFlags::PATH, Mode::empty()).expect("open the root");
        assert!(matches!(resolve(&root, Path::new("/decoy")), Err(OpenError::Missing)));
        fs::create_dir(folder.path().join("etc")).expect("mkdir");
        fs::write(folder.path().join("etc/hostname"), "inside").expect("write");
        let found = resolve(&root, Path::new("/decoy")).expect("resolved inside the root");
        let text = io::read_to_string(fs::File::from(reopen(found.file).expect("reopened"))).expect("read");
        assert_eq!(text, "inside");
    }

    #[test]
    fn only_regular_files_are_armed() {
        let root = Root::Own.open().expect("open /");
        let refused = resolve(&root, Path::new("/proc")).expect_err("a directory");
        assert_eq!(refused.to_string(), "is not a regular file but a directory");
        let refused = resolve(&root, Path::new("/dev/null")).expect_err("a device");
        assert_eq!(refused.to_string(), "is not a regular file but a device");
        assert!(matches!(resolve(&root, Path::new("/no/such/decoy")), Err(OpenError::Missing)));
    }
}
