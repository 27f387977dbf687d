//! Reading the machine: mounts, namespaces, privilege, security modules.

use std::fs;

use procfs::process::Process;
use rustix::process::{Resource, getrlimit};

/// The initial namespaces have fixed inode numbers (`include/uapi/linux/nsfs.h`, before 6.18 `include/linux/proc_ns.h`).
const INITIAL: [(&str, u64); 2] = [("user", 0xEFFF_FFFD), ("pid", 0xEFFF_FFFC)];

/// What this process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// Effective capabilities, one bit each.
    pub effective: u64,
    /// They are those of the initial user namespace, the only ones that count for eBPF.
    pub initial_user_ns: bool,
    /// `RLIMIT_MEMLOCK` is unlimited.
    pub unlimited_memory: bool,
    /// A seccomp filter is in force.
    pub seccomp_filter: bool,
}

/// What the kernel's security modules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// securityfs is mounted.
    pub securityfs: bool,
    /// `/sys/kernel/security/lsm`.
    pub modules: Option<String>,
    /// `/sys/kernel/security/lockdown`.
    pub lockdown: Option<Lockdown>,
}

/// The mode of lockdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    /// Not in force.
    None,
    /// The kernel cannot be changed by root.
    Integrity,
    /// Nor read.
    Confidentiality,
}

/// Which cgroup hierarchies are mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cgroups {
    /// Some of version 1.
    pub v1: bool,
    /// That of version 2.
    pub v2: bool,
    /// Containers are named by version 1's memory controller.
    pub names_from_v1: bool,
}

impl Privilege {
    pub(super) fn read() -> Self {
        let status = Process::myself().and_then(|me| me.status()).ok();
        Self {
            effective: status.as_ref().map_or(u64::MAX, |status| status.capeff),
            initial_user_ns: in_initial_namespace("user"),
            unlimited_memory: getrlimit(Resource::Memlock).current.is_none(),
            seccomp_filter: status.and_then(|status| status.seccomp) == Some(2),
        }
    }

    pub(super) const fn has(self, capability: u32) -> bool {
        self.effective >> capability & 1 == 1
    }
}

impl Security {
    pub(super) fn read(securityfs: bool) -> Self {
        Self {
            securityfs,
            modules: first_line("/sys/kernel/security/lsm"),
            lockdown: first_line("/sys/kernel/security/lockdown").as_deref().and_then(lockdown),
        }
    }
}

/// The chosen word of `none [integrity] confidentiality`.
fn lockdown(modes: &str) -> Option<Lockdown> {
    let chosen = modes.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))?;
    match chosen {
        "none" => Some(Lockdown::None),
        "integrity" => Some(Lockdown::Integrity),
        "confidentiality" => Some(Lockdown::Confidentiality),
        _ => None,
    }
}

/// The types of all mounted file systems.
pub(super) fn mounted_types() -> Vec<String> {
    let mounts = Process::myself().and_then(|me| me.mountinfo());
    mounts.map_or_else(|_unreadable| Vec::new(), |mounts| mounts.into_iter().map(|mount| mount.fs_type).collect())
}

pub(super) fn in_initial_namespace(kind: &str) -> bool {
    let number = rustix::fs::stat(format!("/proc/self/ns/{kind}")).map(|status| status.st_ino);
    INITIAL.iter().any(|(name, initial)| *name == kind && number == Ok(*initial))
}

pub(super) fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_of_lockdown_is_the_bracketed_word() {
        assert_eq!(lockdown("[none] integrity confidentiality"), Some(Lockdown::None));
        assert_eq!(lockdown("none [integrity] confidentiality\n"), Some(Lockdown::Integrity));
        assert_eq!(lockdown("none integrity [confidentiality]"), Some(Lockdown::Confidentiality));
        assert_eq!(lockdown("none integrity confidentiality"), None);
    }

    #[test]
    fn this_process_has_mounts_and_namespaces() {
        assert!(mounted_types().iter().any(|name| name == "proc"));
        assert!(!in_initial_namespace("mnt"), "no fixed number is known for it");
    }
}
