//! Under which root directory a path is looked up: the agent's own, or a container's.

use std::{io, os::fd::OwnedFd};

use procfs::{FromRead as _, process::Stat};
use rustix::fs::{Mode, OFlags, open};

/// A root directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// That of the agent's own mount namespace.
    #[default]
    Own,
    /// That of a process, by its number in the agent's pid namespace. The number may be another process's by now, so the start time
    /// is compared.
    Process {
        /// Process id.
        pid: u32,
        /// Field 22 of `/proc/PID/stat`, in clock ticks since boot.
        start_ticks: u64,
    },
}

impl Root {
    /// The root of a process that lives now.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self::Process { pid, start_ticks: start_ticks(pid)? })
    }

    /// Its process has not ended.
    #[must_use]
    pub fn is_alive(self) -> bool {
        match self {
            Self::Own => true,
            Self::Process { pid, start_ticks: expected } => start_ticks(pid).is_ok_and(|now| now == expected),
        }
    }

    /// Opens the directory, without opening it for reading.
    pub(super) fn open(self) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match self {
            Self::Own => Ok(open("/", flags, Mode::empty())?),
            Self::Process { pid, start_ticks: expected } => {
                let root = open(format!("/proc/{pid}/root"), flags, Mode::empty())?;
                // After the open: what was opened is then known to be that process's.
                if start_ticks(pid)? != expected {
                    return Err(io::Error::new(io::ErrorKind::NotFound, "the container's process has ended"));
                }
                Ok(root)
            }
        }
    }
}

fn start_ticks(pid: u32) -> io::Result<u64> {
    let stat = Stat::from_file(format!("/proc/{pid}/stat"));
    stat.map(|stat| stat.starttime).map_err(|_ended| io::Error::new(io::ErrorKind::NotFound, "the container's process has ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_start_time_is_another_process() {
        let pid = std::process::id();
        assert!(Root::of(pid).and_then(Root::open).is_ok());
        assert!(Root::of(pid).is_ok_and(Root::is_alive) && !Root::Process { pid, start_ticks: 1 }.is_alive());
        let later = Root::Process { pid, start_ticks: 1 }.open().expect_err("no process started with the first tick");
        assert_eq!(later.kind(), io::ErrorKind::NotFound);
    }
}
