//! Which program a process of the host runs, by the file itself: a name or an argument is the attacker's to choose.

use std::path::Path;

use procfs::process::Process;
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::describe::{stat, tick_ns};

/// A file of the host: device (major, minor) and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Program(u32, u32, u64);

impl Program {
    /// The program at a path of the host; `None` where there is none.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let inside = path.strip_prefix("/").unwrap_or(path);
        // The agent's own root is a container's, where it runs in one.
        Self::of(&Path::new("/proc/1/root").join(inside)).or_else(|| Self::of(path))
    }

    /// What a process runs, if it is still the one that started at `start_ns` (nanoseconds since boot).
    #[must_use]
    pub fn run_by(pid: u32, start_ns: u64) -> Option<Self> {
        let program = Self::of(Path::new(&format!("/proc/{pid}/exe")))?;
        let process = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok())?;
        // After the look at the program: it was that process's.
        let ticks = stat(&process)?.start_ticks;
        (start_ns / tick_ns() == ticks).then_some(program)
    }

    fn of(path: &Path) -> Option<Self> {
        let found = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok()?;
        Some(Self(found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Completer;

    #[test]
    fn a_process_runs_its_program_and_a_later_one_of_its_number_does_not() {
        let own = std::env::current_exe().expect("this test");
        let pid = std::process::id();
        let start_ns = Completer::default().describe(Some(pid)).start_ns.expect("it is told");
        assert_eq!(Program::run_by(pid, start_ns), Program::at(&own));
        assert!(Program::at(&own).is_some() && Program::at(Path::new("/no/such/program")).is_none());
        assert_eq!(Program::run_by(pid, start_ns + 2_000_000_000), None);
    }
}
