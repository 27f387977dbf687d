//! Where the running kernel keeps the fields the programs read.
//!
//! rustc emits no CO-RE relocations, so the agent looks each member up in the kernel's BTF at start and hands the offsets over as
//! frozen read-only data: the verifier then takes each as a constant, prunes what an absent field guards, and typed loads work.

/// The member does not exist in this kernel, or is not of the expected kind and width.
pub const ABSENT: u16 = u16::MAX;

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident,)+) => {
        /// Byte offsets, [`ABSENT`] where the kernel has no such member.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub struct Offsets {
            $($(#[$doc])* pub $field: u16,)+
        }

        impl Offsets {
            /// Nothing resolved.
            pub const ABSENT: Self = Self { $($field: ABSENT,)+ };

            /// The names of the members that are [`ABSENT`].
            pub fn absent(&self) -> impl Iterator<Item = &'static str> {
                [$((stringify!($field), self.$field),)+].into_iter().filter(|(_, offset)| *offset == ABSENT).map(|(name, _)| name)
            }
        }
    };
}

offsets! {
    /// `file.f_inode`
    file_inode,
    /// `file.f_path`
    file_path,
    /// `file.f_mode`
    file_mode,
    /// `file.f_flags`
    file_flags,
    /// `path.mnt`
    path_mount,
    /// `path.dentry`
    path_dentry,
    /// `inode.i_ino`
    inode_number,
    /// `inode.i_generation`
    inode_generation,
    /// `inode.i_sb`
    inode_super_block,
    /// `super_block.s_dev`
    super_block_device,
    /// `super_block.s_magic`
    super_block_magic,
    /// `dentry.d_inode`
    dentry_inode,
    /// `dentry.d_sb`
    dentry_super_block,
    /// `dentry.d_name`, with `qstr.len` added
    dentry_name_length,
    /// `dentry.d_iname`, since 6.15 `dentry.d_shortname.string`: names that are shorter stand in the dentry itself
    dentry_inline_name,
    /// Size of that, with the NUL
    inline_name_size,
    /// `iattr.ia_valid`
    iattr_valid,
    /// `dentry.d_parent`
    dentry_parent,
    /// `dentry.d_name`, with `qstr.name` added
    dentry_name,
    /// `vfsmount.mnt_root`
    vfsmount_root,
    /// `vfsmount.mnt_sb`
    vfsmount_super_block,
    /// `mount.mnt`
    mount_vfsmount,
    /// `mount.mnt_parent`
    mount_parent,
    /// `mount.mnt_mountpoint`
    mount_mountpoint,
    /// `task_struct.flags`
    task_flags,
    /// `task_struct.thread_pid`
    task_thread_pid,
    /// `task_struct.group_leader`
    task_group_leader,
    /// `task_struct.real_parent`
    task_real_parent,
    /// `task_struct.comm`
    task_comm,
    /// `task_struct.mm`
    task_mm,
    /// `task_struct.fs`
    task_fs,
    /// `task_struct.real_cred`
    task_real_cred,
    /// `task_struct.cred`
    task_cred,
    /// `task_struct.loginuid`
    task_login_uid,
    /// `task_struct.start_boottime`
    task_start_time,
    /// `task_struct.nsproxy`
    task_nsproxy,
    /// `task_struct.cgroups`
    task_cgroups,
    /// `mm_struct.arg_start`
    mm_arg_start,
    /// `mm_struct.arg_end`
    mm_arg_end,
    /// `mm_struct.exe_file`
    mm_exe_file,
    /// `fs_struct.root`
    fs_root,
    /// `fs_struct.pwd`
    fs_pwd,
    /// `cred.uid`
    cred_uid,
    /// `cred.gid`
    cred_gid,
    /// `cred.euid`
    cred_euid,
    /// `cred.cap_effective`
    cred_capabilities,
    /// `cred.user_ns`
    cred_user_ns,
    /// `pid.level`
    pid_level,
    /// `pid.numbers`
    pid_numbers,
    /// Size of one element of `pid.numbers`
    upid_size,
    /// `upid.nr`
    upid_number,
    /// `upid.ns`
    upid_ns,
    /// `pid_namespace.ns.inum`
    pid_ns_number,
    /// `user_namespace.ns.inum`
    user_ns_number,
    /// `nsproxy.mnt_ns`
    nsproxy_mount_ns,
    /// `mnt_namespace.ns.inum`
    mount_ns_number,
    /// `css_set.dfl_cgrp`
    css_set_default_cgroup,
    /// `css_set.subsys[memory_cgrp_id]`
    css_set_memory_css,
    /// `cgroup_subsys_state.cgroup`
    css_cgroup,
    /// `cgroup_subsys_state.parent`
    css_parent,
    /// `cgroup.self`
    cgroup_self,
    /// `cgroup.kn`
    cgroup_node,
    /// `kernfs_node.name`
    node_name,
    /// `kernfs_node.id`
    node_id,
}

/// What the agent tells the programs once, frozen beside [`Offsets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Config {
    /// Inode number of the agent's pid namespace: pids are reported as that namespace sees them.
    pub agent_pid_ns: u32,
    /// Not zero: container names are those of the memory controller's hierarchy (cgroup v1).
    pub cgroup_v1: u32,
    /// Not zero: repeats are counted instead of recorded.
    pub throttle: u32,
    /// Which argument of `security_inode_setattr` is the dentry: 0, or 1 where a user namespace or an idmap stands before it.
    pub setattr_dentry: u32,
    /// The same of the LSM hook `inode_setattr`.
    pub lsm_setattr_dentry: u32,
    /// Which argument of `security_inode_setxattr` is the dentry.
    pub setxattr_dentry: u32,
    /// The same of the LSM hook `inode_setxattr`.
    pub lsm_setxattr_dentry: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_are_named() {
        let mut offsets = Offsets { file_inode: 32, ..Offsets::ABSENT };
        assert!(!offsets.absent().any(|name| name == "file_inode"));
        assert!(offsets.absent().any(|name| name == "task_login_uid"));
        offsets.task_login_uid = 0;
        assert!(!offsets.absent().any(|name| name == "task_login_uid"), "offset 0 is an offset");
    }
}
