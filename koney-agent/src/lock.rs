//! Folders that are one agent's for as long as it lives.

use std::{io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{CWD, FlockOperation, Mode, OFlags, flock, openat},
    io::Errno,
};

/// Locks a folder until the descriptor is closed; `None` where its agent lives.
pub(crate) fn folder(path: &Path) -> io::Result<Option<OwnedFd>> {
    let fd = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(fd)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
