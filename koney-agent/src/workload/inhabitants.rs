//! Which process stands for a container: of those that live in it, the one that was there first.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
};

use procfs::process::Process;
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::{
    container::ContainerRef,
    describe::{read, stat},
};

/// A process that lives in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inhabitant {
    /// Field 22 of `/proc/PID/stat`, in clock ticks since boot.
    pub start_ticks: u64,
    /// Its number in the agent's pid namespace.
    pub pid: u32,
}

/// Looks for the containers' processes. One look at all processes of the node, and only where somebody is missing.
///
/// A runtime puts a container's first process into its cgroup before it gives it the container's root directory: until then the process is
/// still at home on the host, and what it would call `/etc/token` is the host's.
#[must_use]
pub fn inhabitants(wanted: &BTreeSet<&str>) -> HashMap<String, Inhabitant> {
    let mut found: HashMap<String, Inhabitant> = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    let host = directory("/proc/1/root").or_else(|| directory("/"));
    let Ok(folders) = fs::read_dir("/proc") else { return found };
    for pid in folders.flatten().filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok()) {
        let Some((id, here)) = inhabitant(pid, wanted) else { continue };
        if !has_left(host, pid) {
            continue;
        }
        let first = found.entry(id).or_insert(here);
        *first = here.min(*first);
    }
    found
}

fn inhabitant(pid: u32, wanted: &BTreeSet<&str>) -> Option<(String, Inhabitant)> {
    let process = process(pid)?;
    let cgroup = read(&process, "cgroup")?;
    let container = ContainerRef::from_proc_cgroup(&String::from_utf8_lossy(&cgroup))?;
    wanted.contains(container.id.as_str()).then_some(())?;
    let stat = stat(&process)?;
    Some((container.id, Inhabitant { start_ticks: stat.start_ticks, pid }))
}

/// Its root directory is not the host's any more.
fn has_left(host: Option<Directory>, pid: u32) -> bool {
    let root = directory(&format!("/proc/{pid}/root"));
    root.is_some() && root != host
}

/// Device (major, minor) and inode.
type Directory = (u32, u32, u64);

/// `None` also where the agent may not look. Whoever serves the file system is not asked: it may be the workload, and never answer
/// (`fuse_update_get_attr`, `fs/fuse/dir.c`).
fn directory(path: &str) -> Option<Directory> {
    let found = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok()?;
    Some((found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
}

fn process(pid: u32) -> Option<Process> {
    i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_home_on_the_host_stands_for_no_container() {
        assert!(!has_left(directory("/"), std::process::id()));
        assert!(has_left(directory("/proc"), std::process::id()));
    }
}
