//! Descriptors of a decoy that are older than its trap: nothing is opened any more, so no hook tells of them.
//!
//! Looked for once, when a trap is armed for the first time. Only what `/proc` shows the agent is found: in a pid namespace of its own, its own
//! processes. Threads that have left their process's descriptors (`unshare(CLONE_FILES)`) and mappings whose descriptor is closed are not.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use koney_common::TrapKey;
use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
use tracing::info;

use super::open::Stamp;

/// Processes and descriptors of a process that are looked at; beyond, nothing is found and the log says so.
const PROCESSES: usize = 1 << 16;
const DESCRIPTORS: usize = 1 << 20;
/// The kernel's limit for a path (`PATH_MAX`, `include/uapi/linux/limits.h`).
const LONGEST_PATH: usize = 4096;

/// A file that is watched from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The agent's number of the trap.
    pub trap: u32,
    /// Its key.
    pub key: TrapKey,
    /// What `stat` says of it.
    pub stamp: Stamp,
}

/// A process that has one of them open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process, in the agent's pid namespace.
    pub pid: u32,
    /// Which file.
    pub file: Fresh,
    /// Flags of the descriptor, as `open(2)` has them; `None` for the program that the process runs.
    pub flags: Option<u32>,
    /// The file's name, as the agent sees it.
    pub path: Option<String>,
}

/// Who has the files open, each process once for each file. Blocks for as long as it takes to look at every descriptor of the node.
#[must_use]
pub fn holders(files: &[Fresh]) -> Vec<Holder> {
    let wanted: BTreeMap<_, _> = files.iter().map(|file| (file.stamp.file(), *file)).collect();
    let mut found = BTreeMap::new();
    let (mut processes, mut descriptors) = (0, 0);
    if wanted.is_empty() {
        return Vec::new();
    }
    for pid in numbers(Path::new("/proc")).filter(|pid| *pid != std::process::id()).take(PROCESSES) {
        processes += 1;
        let process = PathBuf::from(format!("/proc/{pid}"));
        let open =
            numbers(&process.join("fd")).take(DESCRIPTORS - descriptors).map(|number| process.join(format!("fd/{number}")));
        for link in [process.join("exe")].into_iter().chain(open) {
            descriptors += 1;
            if let Some(file) = stat(&link).and_then(|number| wanted.get(&number)) {
                found.entry((pid, file.trap)).or_insert_with(|| holder(pid, *file, &link));
            }
        }
        if descriptors >= DESCRIPTORS {
            break;
        }
    }
    if processes >= PROCESSES || descriptors >= DESCRIPTORS {
        let remedy = "look at the others with lsof";
        info!(processes, descriptors, remedy, "there are more open files than are looked at for older descriptors of decoys");
    }
    found.into_values().collect()
}

/// Entries of a folder that are numbers; none where it cannot be read, or its process has ended.
fn numbers(folder: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Device and inode, as [`Stamp`] has them. Asks the server of no network or FUSE file system, which may never answer, and opens nothing.
fn stat(link: &Path) -> Option<(u64, u64)> {
    let flags = AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let status = statx(CWD, link, flags, StatxFlags::INO | StatxFlags::TYPE).ok()?;
    Some((makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino))
}

fn holder(pid: u32, file: Fresh, link: &Path) -> Holder {
    let flags = link.file_name().filter(|name| *name != "exe").and_then(|number| {
        let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("fdinfo").join(number)).ok()?;
        flags(&text)
    });
    let path = fs::read_link(link).ok().and_then(|path| path.into_os_string().into_string().ok());
    Holder { pid, file, flags, path: path.filter(|path| path.starts_with('/') && path.len() < LONGEST_PATH) }
}

/// The `flags` of `/proc/PID/fdinfo/N`, in octal.
fn flags(fdinfo: &str) -> Option<u32> {
    let text = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(text.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };

    use super::*;
    use crate::kernel::{Root, open};

    #[test]
    fn a_process_that_holds_the_file_is_found_and_one_that_held_it_is_not() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let decoy = folder.path().join("decoy");
        fs::write(&decoy, "secret").expect("planted");
        let stamp = open::resolve(Root::Own.open().expect("open /"), &decoy).expect("found").stamp;
        let file = Fresh { trap: 7, key: TrapKey::new(1, 2), stamp };
        let script = "exec 7< \"$0\" 8>> \"$0\"; echo held; read line; exec 7<&- 8>&-; echo let go; read line";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&decoy).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("a shell");
        let mut said = BufReader::new(process.stdout.take().expect("piped")).lines();
        assert_eq!(said.next().expect("a line").expect("text"), "held");
        let path = decoy.to_str().map(str::to_owned);
        let found = holders(&[file]);
        assert_eq!(found, [Holder { pid: process.id(), file, flags: found[0].flags, path }]);
        assert_eq!(found[0].flags.map(|flags| flags & 3), Some(0), "of two descriptors the first, for reading");
        std::io::Write::write_all(process.stdin.as_mut().expect("piped"), b"\n").expect("told");
        assert_eq!(said.next().expect("a line").expect("text"), "let go");
        assert_eq!(holders(&[file]), []);
        drop(process.stdin.take());
        process.wait().expect("ended");
    }

    #[test]
    fn the_flags_of_a_descriptor_are_octal() {
        assert_eq!(flags("pos:\t0\nflags:\t0102001\nmnt_id:\t29\n"), Some(0o102_001));
        assert_eq!(flags("pos:\t0\nflags:\t9\n"), None);
        assert_eq!(flags(""), None);
    }
}
