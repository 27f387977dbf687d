//! What the programs are told about the agent and the machine before they are loaded.

use std::fs;

use koney_common::{Offsets, offsets::Config};

use super::btf::Btf;

/// Reads `/proc` and `/sys`; the places of arguments come from the kernel's type information.
pub(super) fn read(throttle: bool, btf: &Btf, offsets: &Offsets) -> Config {
    let argument = |function, name| btf.argument(function, name).unwrap_or(0);
    let dentry = |function| argument(function, "dentry");
    Config {
        agent_pid_ns: pid_namespace(),
        cgroup_v1: u32::from(names_from_cgroup_v1()),
        throttle: u32::from(throttle),
        setattr_dentry: dentry("security_inode_setattr"),
        lsm_setattr_dentry: dentry("bpf_lsm_inode_setattr"),
        setxattr_dentry: dentry("security_inode_setxattr"),
        lsm_setxattr_dentry: dentry("bpf_lsm_inode_setxattr"),
        permission_inode: argument("inode_permission", "inode"),
        inode: offsets.inode_extent(),
        dentry: offsets.dentry_extent(),
    }
}

/// Container names are those of the memory controller's hierarchy.
pub(super) fn names_from_cgroup_v1() -> bool {
    // On cgroup v1 (or a hybrid without controllers on the v2 side) the memory controller hangs on a v1 hierarchy.
    let v2_memory =
        fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").is_ok_and(|list| list.split_whitespace().any(|c| c == "memory"));
    let v1_memory = fs::read_to_string("/proc/cgroups").is_ok_and(|table| memory_on_v1(&table));
    !v2_memory && v1_memory
}

/// The memory controller's line of `/proc/cgroups`: a hierarchy other than 0 is a mounted v1 one.
pub(super) fn memory_on_v1(table: &str) -> bool {
    table.lines().filter_map(|line| line.strip_prefix("memory\t")).any(|rest| !rest.starts_with("0\t"))
}

/// The inode number that names the agent's pid namespace; the kernel uses 32 bits of it (`ns_common.inum`).
fn pid_namespace() -> u32 {
    rustix::fs::stat("/proc/self/ns/pid").ok().and_then(|status| u32::try_from(status.st_ino).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_controllers_hierarchy_decides() {
        let header = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
        assert!(memory_on_v1(&format!("{header}cpu\t3\t1\t1\nmemory\t4\t1\t1\n")));
        assert!(!memory_on_v1(&format!("{header}memory\t0\t57\t1\n")));
        assert!(!memory_on_v1(header));
    }

    #[test]
    fn the_pid_namespace_has_a_number() {
        assert_ne!(pid_namespace(), 0);
    }
}
