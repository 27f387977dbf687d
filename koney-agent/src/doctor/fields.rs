//! What an alert lacks where a member of a kernel structure is not known.

/// A part of an alert, and the members that it takes.
pub(super) struct Field {
    pub(super) name: &'static str,
    members: &'static [&'static [&'static str]],
}

const PIDS: &[&str] =
    &["task_thread_pid", "task_group_leader", "pid_level", "pid_numbers", "upid_size", "upid_number", "upid_ns", "pid_ns_number"];
const PARENT: &[&str] = &["task_group_leader", "task_real_parent"];
const PATH: &[&str] = &[
    "task_fs",
    "fs_root",
    "path_mount",
    "path_dentry",
    "vfsmount_root",
    "mount_vfsmount",
    "mount_parent",
    "mount_mountpoint",
    "dentry_name",
    "dentry_parent",
];
const CGROUP_V1: &[&str] = &["task_cgroups", "css_set_memory_css", "css_cgroup", "cgroup_node"];
const CGROUP_V2: &[&str] = &["task_cgroups", "css_set_default_cgroup", "cgroup_node"];
const CGROUP_PARENT: &[&str] = &["cgroup_self", "css_parent", "css_cgroup", "node_name"];

/// Name of the field that tells containers apart.
pub(super) const CONTAINER: &str = "container name (cgroup)";

macro_rules! fields {
    ($($name:expr => $($members:expr),+;)+) => {
        &[$(Field { name: $name, members: &[$($members),+] },)+]
    };
}

macro_rules! record {
    ($cgroup:ident) => {
        fields! {
            "process id" => PIDS;
            "parent process id" => PIDS, PARENT;
            "start time" => &["task_group_leader", "task_start_time"];
            "parent's start time" => PARENT, &["task_start_time"];
            "user and group ids" => &["task_real_cred", "cred_uid", "cred_gid", "cred_euid"];
            "login user id" => &["task_login_uid"];
            "capabilities" => &["task_real_cred", "cred_capabilities"];
            "cgroup id" => $cgroup, &["node_id"];
            CONTAINER => $cgroup, &["node_name"];
            "pod name (cgroup's parent)" => $cgroup, CGROUP_PARENT;
            "mount namespace" => &["task_nsproxy", "nsproxy_mount_ns", "mount_ns_number"];
            "pid namespace" => PIDS;
            "user namespace" => &["task_real_cred", "cred_user_ns", "user_ns_number"];
            "command name" => &["task_comm"];
            "parent's command name" => PARENT, &["task_comm"];
            "executable" => PATH, &["task_mm", "mm_exe_file", "file_path"];
            "working directory" => PATH, &["fs_pwd"];
            "accessed path" => PATH, &["file_path"];
            "arguments" => &["task_mm", "mm_arg_start", "mm_arg_end"];
            "origin (workload or runtime)" => PIDS, PARENT;
            "open flags" => &["file_flags"];
            "generation of the file" => &["file_inode", "inode_generation"];
            "root directory" => &["task_fs", "fs_root", "path_dentry", "dentry_inode"];
            "mark of a kernel thread" => &["task_flags"];
            "files that nobody has armed yet (told by their name)" =>
                &["dentry_name", "dentry_name_length", "dentry_inline_name", "path_dentry", "path_mount"];
            "changes of decoys" => &["dentry_inode", "iattr_valid"];
            "path of a changed decoy" => &["dentry_super_block", "vfsmount_super_block"];
            "opens that an overlay makes itself, told from others" => &["super_block_magic", "task_cred", "task_real_cred"];
        }
    };
}

const ON_V1: &[Field] = record!(CGROUP_V1);
const ON_V2: &[Field] = record!(CGROUP_V2);

/// Every field, as the hierarchy in force has it.
pub(super) const fn all(cgroup_v1: bool) -> &'static [Field] {
    if cgroup_v1 { ON_V1 } else { ON_V2 }
}

impl Field {
    /// Those of its members that are absent; none where the field is available.
    pub(super) fn lacks(&self, absent: &[&'static str]) -> Vec<&'static str> {
        absent.iter().copied().filter(|name| self.members.iter().any(|group| group.contains(name))).collect()
    }
}

/// What alerts lack where these members are absent.
pub(super) fn costs(cgroup_v1: bool, absent: &[&'static str]) -> Option<String> {
    let lost: Vec<_> = all(cgroup_v1).iter().filter(|field| !field.lacks(absent).is_empty()).map(|field| field.name).collect();
    (!lost.is_empty()).then(|| format!("alerts lack: {}", lost.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use koney_common::Offsets;

    /// What the check itself takes, and no field of an alert.
    const IDENTITY: [&str; 7] = [
        "file_mode",
        "file_mount",
        "file_dentry",
        "backing_file_user_path",
        "inode_number",
        "inode_super_block",
        "super_block_device",
    ];

    #[test]
    fn every_member_has_its_cost_and_every_cost_its_member() {
        let known: Vec<_> = Offsets::ABSENT.absent().collect();
        let named: Vec<_> =
            [ON_V1, ON_V2].into_iter().flatten().flat_map(|field| field.members.iter().copied().flatten()).collect();
        for name in &named {
            assert!(known.contains(name), "{name} is no member of Offsets");
        }
        for name in known.iter().filter(|name| !IDENTITY.contains(name)) {
            assert!(named.contains(&name), "say here what an alert lacks without {name}");
        }
    }

    #[test]
    fn a_record_has_a_field_for_each_bit_and_for_what_no_bit_tells() {
        use koney_common::record::valid;
        let bits = valid::ROOT.trailing_zeros() as usize + 1;
        assert_eq!(all(true).len(), bits + 5, "a kernel thread, the check by name, changes, their path, and the overlay's own");
        assert_eq!(all(false).len(), all(true).len());
    }

    #[test]
    fn only_what_is_needed_costs() {
        assert_eq!(costs(false, &[]), None);
        assert_eq!(costs(false, &["css_set_memory_css"]), None, "the other hierarchy's");
        assert_eq!(costs(false, &["task_login_uid"]).as_deref(), Some("alerts lack: login user id"));
    }
}
