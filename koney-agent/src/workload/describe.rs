//! A process from `/proc` alone, for a detector that knows no more than its number.
//!
//! Nothing here waits for the process: links and numbers are read without the lock of its memory, which only its arguments need.

use std::{io::Read as _, path::PathBuf};

use procfs::{ProcResult, process::Process};

use super::text::{self, Stat};
use crate::event::{Parent, Subject};

/// More than `/proc` tells of any process: a user in the 65,536 groups that there may be has a `status` of 700 KiB.
const LONGEST: u64 = 1 << 20;

/// `PF_KTHREAD` (`include/linux/sched.h`).
const KERNEL_THREAD: u32 = 0x0020_0000;

/// One clock tick, in which `/proc` counts.
pub(super) fn tick_ns() -> u64 {
    1_000_000_000 / procfs::ticks_per_second()
}

/// What is gone once the process has ended, and what tells it from a later one of its number.
pub(super) fn running(process: &Process, subject: &mut Subject) {
    subject.executable = path(process.exe());
    subject.cwd = path(process.cwd());
    let Some(stat) = stat(process) else { return };
    subject.start_ns = Some(start(&stat));
    subject.kernel_thread = stat.flags & KERNEL_THREAD != 0;
    subject.parent.pid = Some(stat.parent).filter(|pid| *pid != 0);
    subject.comm = Some(stat.comm);
}

/// What is there for as long as the process has not been waited for.
pub(super) fn ended(process: &Process, subject: &mut Subject) {
    if let Some(status) = read(process, "status").map(|bytes| text::status(&bytes)) {
        (subject.uid, subject.gid, subject.euid) = (status.uid, status.gid, status.euid);
        subject.capabilities = status.capabilities;
    }
    subject.login_uid = process.loginuid().ok().filter(|uid| *uid != u32::MAX);
    if let Some(path) = read(process, "cgroup").and_then(|bytes| text::cgroup(&bytes)) {
        let mut names = path.rsplit('/').map(str::to_owned);
        subject.cgroup_name = names.next();
        subject.cgroup_parent_name = names.next().filter(|name| !name.is_empty());
    }
    subject.parent = parent(subject.parent.pid);
}

/// As it is now, which need not be the one at the moment of the access.
fn parent(pid: Option<u32>) -> Parent {
    let process = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(|pid| Process::new(pid).ok());
    let stat = process.and_then(|process| stat(&process));
    Parent { pid, start_ns: stat.as_ref().map(start), comm: stat.map(|stat| stat.comm) }
}

/// What the process's line in `/proc/PID/stat` says.
pub(super) fn stat(process: &Process) -> Option<Stat> {
    text::stat(&read(process, "stat")?)
}

fn start(stat: &Stat) -> u64 {
    stat.start_ticks.saturating_mul(tick_ns())
}

/// As bytes: names of processes and cgroups are the attacker's, and need not be text.
pub(super) fn read(process: &Process, file: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    process.open_relative(file).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn path(link: ProcResult<PathBuf>) -> Option<String> {
    link.ok().map(|path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsStr,
        os::unix::ffi::OsStrExt as _,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::workload::Completer;

    #[test]
    fn a_running_process_is_told_in_full() {
        let mut sleeper = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().expect("start sleep");
        // Until the exec, the child is a copy of this test.
        let subject = loop {
            let subject = Completer::default().describe(Some(sleeper.id()));
            if subject.comm.as_deref() == Some("sleep") && subject.arguments.is_some() {
                break subject;
            }
        };
        sleeper.kill().and_then(|()| sleeper.wait()).expect("end sleep");
        assert_eq!(subject.arguments, Some(vec!["sleep".to_owned(), "600".to_owned()]));
        assert!(subject.executable.is_some_and(|path| path.starts_with('/')));
        assert_eq!(subject.cwd, std::env::current_dir().ok().map(|path| path.display().to_string()));
        assert_eq!(subject.uid, Some(rustix::process::getuid().as_raw()));
        assert_eq!(subject.parent.pid, Some(std::process::id()));
        assert!(subject.start_ns.is_some() && subject.parent.start_ns <= subject.start_ns);
        assert!(subject.parent.comm.is_some() && subject.gid.is_some() && subject.capabilities.is_some());
        assert!(!subject.kernel_thread);
    }

    #[test]
    fn a_name_that_is_no_text_hides_nothing() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = folder.path().join(OsStr::from_bytes(b"\xFF) R 1"));
        std::os::unix::fs::symlink("/bin/sleep", &program).expect("link");
        let mut sleeper = Command::new(&program).arg("600").stdin(Stdio::null()).spawn().expect("start sleep");
        let subject = loop {
            let subject = Completer::default().describe(Some(sleeper.id()));
            if subject.comm.as_deref() == Some("\u{FFFD}) R 1") {
                break subject;
            }
        };
        sleeper.kill().and_then(|()| sleeper.wait()).expect("end sleep");
        assert_eq!(subject.uid, Some(rustix::process::getuid().as_raw()));
        assert_eq!(subject.parent.pid, Some(std::process::id()));
        assert!(subject.start_ns.is_some() && subject.gid.is_some() && subject.capabilities.is_some());
    }

    #[test]
    fn a_process_that_is_gone_is_told_by_its_number() {
        let mut gone = Command::new("true").spawn().expect("start true");
        gone.wait().expect("it ends");
        let pid = gone.id();
        let bare = Subject { pid: Some(pid), init_pid: pid, init_tid: pid, ..Subject::default() };
        assert_eq!(Completer::default().describe(Some(pid)), bare);
        assert_eq!(Completer::default().describe(None), Subject::default());
    }
}
