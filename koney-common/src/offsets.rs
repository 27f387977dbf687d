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
    /// `file.f_path.mnt`
    file_mount,
    /// `file.f_path.dentry`
    file_dentry,
    /// `file.f_mode`
    file_mode,
    /// `file.f_flags`
    file_flags,
    /// `backing_file.user_path`, since 6.8
    backing_file_user_path,
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
    /// `dentry.d_iname`, since 6.15 `dentry.d_shortname.string`: names below [`crate::name::INLINE_NAME`] stand in the dentry itself
    dentry_inline_name,
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
    /// Which argument of `inode_permission` is the inode.
    pub permission_inode: u32,
    /// What a change reads of a `struct inode`.
    pub inode: Extent,
    /// What it reads of a `struct dentry`.
    pub dentry: Extent,
}

/// Most words of eight bytes that are read at once of a `struct file`.
pub const FILE_WORDS: usize = 6;
/// Of a `struct inode`.
pub const INODE_WORDS: usize = 4;
/// Of a `struct dentry`.
pub const DENTRY_WORDS: usize = 4;

/// The part of a kernel object that holds some members: a kprobe program reads it with one call of a helper instead of one for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Extent {
    /// Where it begins, a multiple of eight: what is aligned in the object is aligned in a copy.
    pub start: u32,
    /// Its length in bytes; 0 where the members lie too far apart and are read one by one.
    pub length: u32,
}

impl Extent {
    /// The part that holds these members, each an offset and a size, and is at most so many words long.
    #[must_use]
    pub fn of(members: &[(u16, u16)], words: usize) -> Self {
        let start = members.iter().map(|(offset, _)| u32::from(*offset & !7)).min().unwrap_or(0);
        let end = members.iter().map(|(offset, size)| u32::from(*offset) + u32::from(*size)).max().unwrap_or(0);
        let absent = members.iter().any(|(offset, _)| *offset == ABSENT);
        let length = end - start;
        if absent || length as usize > words * 8 { Self::default() } else { Self { start, length } }
    }
}

impl Offsets {
    /// Of the `struct file`, what the check of an open reads.
    #[must_use]
    pub fn file_extent(&self) -> Extent {
        Extent::of(&[(self.file_inode, 8), (self.file_mount, 8), (self.file_dentry, 8)], FILE_WORDS)
    }

    /// Of the `struct inode`.
    #[must_use]
    pub fn inode_extent(&self) -> Extent {
        Extent::of(&[(self.inode_super_block, 8), (self.inode_number, 8)], INODE_WORDS)
    }

    /// Of the `struct dentry`.
    #[must_use]
    pub fn dentry_extent(&self) -> Extent {
        let name = [(self.dentry_name_length, 4), (self.dentry_name, 8), (self.dentry_inline_name, 8)];
        Extent::of(&[(self.dentry_inode, 8), name[0], name[1], name[2]], DENTRY_WORDS)
    }
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

    #[test]
    fn an_extent_holds_its_members() {
        assert_eq!(Extent::of(&[(40, 8), (64, 8)], 4), Extent { start: 40, length: 32 });
        assert_eq!(Extent::of(&[(68, 4), (20, 4)], 10), Extent { start: 16, length: 56 });
    }

    #[test]
    fn members_far_apart_or_absent_have_no_extent() {
        assert_eq!(Extent::of(&[(0, 8), (32, 8)], 4), Extent::default());
        assert_eq!(Extent::of(&[(0, 8), (ABSENT, 8)], 10), Extent::default());
        let offsets = Offsets { file_inode: 32, file_mount: 16, ..Offsets::ABSENT };
        assert_eq!(offsets.file_extent(), Extent::default());
    }
}
