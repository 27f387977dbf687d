//! The offsets of this kernel, field by field: one that is absent disables that field and is named once.

use koney_common::{Offsets, name::INLINE_NAME, offsets::ABSENT, record::COMM_LEN};
use tracing::warn;

use super::{
    btf::{self, Btf, Expect, MemberError},
    error::KernelError,
};

use Expect::{Array, Bytes, Embedded, Pointer, Sized};

macro_rules! resolve {
    ($btf:expr, $problems:expr, { $($field:ident: $structure:literal, $($member:literal).+, $expect:expr;)+ }) => {
        Offsets {
            $($field: keep($btf.member($structure, &[$($member),+], $expect), &mut $problems),)+
            ..Offsets::ABSENT
        }
    };
}

/// The running kernel's type information.
pub(super) fn read_btf() -> Result<Btf, KernelError> {
    let bytes = std::fs::read("/sys/kernel/btf/vmlinux").map_err(KernelError::NoBtf)?;
    Ok(Btf::parse(&bytes)?)
}

/// Looks every member up; the second value says why the absent ones are absent.
pub(super) fn resolve(btf: &Btf) -> (Offsets, Vec<MemberError>) {
    let mut problems = Vec::new();
    let mut offsets = resolve!(btf, problems, {
        file_inode: "file", "f_inode", Pointer;
        file_path: "file", "f_path", Embedded;
        file_mount: "file", "f_path"."mnt", Pointer;
        file_dentry: "file", "f_path"."dentry", Pointer;
        file_mode: "file", "f_mode", Sized(4);
        file_flags: "file", "f_flags", Sized(4);
        path_mount: "path", "mnt", Pointer;
        path_dentry: "path", "dentry", Pointer;
        inode_number: "inode", "i_ino", Sized(8);
        inode_generation: "inode", "i_generation", Sized(4);
        inode_super_block: "inode", "i_sb", Pointer;
        super_block_device: "super_block", "s_dev", Sized(4);
        super_block_magic: "super_block", "s_magic", Sized(8);
        dentry_inode: "dentry", "d_inode", Pointer;
        dentry_super_block: "dentry", "d_sb", Pointer;
        dentry_name_length: "dentry", "d_name"."len", Sized(4);
        iattr_valid: "iattr", "ia_valid", Sized(4);
        dentry_parent: "dentry", "d_parent", Pointer;
        dentry_name: "dentry", "d_name"."name", Pointer;
        vfsmount_root: "vfsmount", "mnt_root", Pointer;
        vfsmount_super_block: "vfsmount", "mnt_sb", Pointer;
        mount_vfsmount: "mount", "mnt", Embedded;
        mount_parent: "mount", "mnt_parent", Pointer;
        mount_mountpoint: "mount", "mnt_mountpoint", Pointer;
        task_flags: "task_struct", "flags", Sized(4);
        task_thread_pid: "task_struct", "thread_pid", Pointer;
        task_group_leader: "task_struct", "group_leader", Pointer;
        task_real_parent: "task_struct", "real_parent", Pointer;
        task_comm: "task_struct", "comm", Bytes(COMM_BYTES);
        task_mm: "task_struct", "mm", Pointer;
        task_fs: "task_struct", "fs", Pointer;
        task_real_cred: "task_struct", "real_cred", Pointer;
        task_cred: "task_struct", "cred", Pointer;
        task_login_uid: "task_struct", "loginuid", Sized(4);
        task_start_time: "task_struct", "start_boottime", Sized(8);
        task_nsproxy: "task_struct", "nsproxy", Pointer;
        task_cgroups: "task_struct", "cgroups", Pointer;
        mm_arg_start: "mm_struct", "arg_start", Sized(8);
        mm_arg_end: "mm_struct", "arg_end", Sized(8);
        mm_exe_file: "mm_struct", "exe_file", Pointer;
        fs_root: "fs_struct", "root", Embedded;
        fs_pwd: "fs_struct", "pwd", Embedded;
        cred_uid: "cred", "uid", Sized(4);
        cred_gid: "cred", "gid", Sized(4);
        cred_euid: "cred", "euid", Sized(4);
        cred_capabilities: "cred", "cap_effective", Sized(8);
        cred_user_ns: "cred", "user_ns", Pointer;
        pid_level: "pid", "level", Sized(4);
        pid_numbers: "pid", "numbers", Array;
        upid_number: "upid", "nr", Sized(4);
        upid_ns: "upid", "ns", Pointer;
        pid_ns_number: "pid_namespace", "ns"."inum", Sized(4);
        user_ns_number: "user_namespace", "ns"."inum", Sized(4);
        nsproxy_mount_ns: "nsproxy", "mnt_ns", Pointer;
        mount_ns_number: "mnt_namespace", "ns"."inum", Sized(4);
        css_set_default_cgroup: "css_set", "dfl_cgrp", Pointer;
        css_cgroup: "cgroup_subsys_state", "cgroup", Pointer;
        css_parent: "cgroup_subsys_state", "parent", Pointer;
        cgroup_self: "cgroup", "self", Embedded;
        cgroup_node: "cgroup", "kn", Pointer;
        node_name: "kernfs_node", "name", Pointer;
        node_id: "kernfs_node", "id", Sized(8);
    });
    // Before 6.8 the file's own path is the one that was asked for (`include/linux/fs.h`, `file_user_path`).
    offsets.backing_file_user_path = btf.member("backing_file", &["user_path"], Embedded).unwrap_or(ABSENT);
    offsets.upid_size = keep(btf.size_of("upid"), &mut problems);
    offsets.css_set_memory_css = keep(memory_css(btf), &mut problems);
    // The name inside a dentry is called differently since 6.15 (`include/linux/dcache.h`).
    let names: [&[&str]; 2] = [&["d_shortname", "string"], &["d_iname"]];
    let inline = names.into_iter().find(|path| btf.length_of("dentry", path).is_ok()).unwrap_or(&["d_iname"]);
    let name = btf.member("dentry", inline, Array).and_then(|offset| match btf.length_of("dentry", inline)? {
        length if u32::from(length) < INLINE_NAME => Err(MemberError::Shape("dentry.d_iname".to_owned(), Array)),
        _ => Ok(offset),
    });
    offsets.dentry_inline_name = keep(name, &mut problems);
    (offsets, problems)
}

#[expect(clippy::cast_possible_truncation, reason = "16")]
const COMM_BYTES: u32 = COMM_LEN as u32;

/// Without these there is no identity check and therefore no detection.
pub(super) fn require_identity(offsets: &Offsets) -> Result<(), KernelError> {
    let needed = [
        ("file.f_inode", offsets.file_inode),
        ("file.f_mode", offsets.file_mode),
        ("file.f_path.mnt", offsets.file_mount),
        ("file.f_path.dentry", offsets.file_dentry),
        ("inode.i_ino", offsets.inode_number),
        ("inode.i_sb", offsets.inode_super_block),
        ("super_block.s_dev", offsets.super_block_device),
        ("task_struct.thread_pid", offsets.task_thread_pid),
        ("pid.numbers", offsets.pid_numbers),
        ("pid.level", offsets.pid_level),
        ("upid.nr", offsets.upid_number),
        ("upid.ns", offsets.upid_ns),
        ("sizeof(struct upid)", offsets.upid_size),
        ("pid_namespace.ns.inum", offsets.pid_ns_number),
    ];
    match needed.into_iter().find(|(_, offset)| *offset == ABSENT) {
        Some((name, _)) => Err(KernelError::UnknownLayout(name)),
        None => Ok(()),
    }
}

/// What helps where a member cannot be used.
pub(super) const WITHOUT: &str = "run `koney-agent doctor`, which says what alerts lack, and report this kernel's version";

/// Says once which fields of the record this kernel cannot give.
pub(super) fn report(problems: &[MemberError]) {
    for problem in problems {
        warn!(%problem, remedy = WITHOUT, "a field of the record is not available on this kernel; alerts go out without it");
    }
}

/// The memory controller's place in `css_set.subsys`: container runtimes name its hierarchy on cgroup v1.
fn memory_css(btf: &Btf) -> Result<u16, MemberError> {
    let first = btf.member("css_set", &["subsys"], Array)?;
    let index = btf.enumerator("cgroup_subsys_id", "memory_cgrp_id")?;
    btf::sayable(u64::from(index) * 8 + u64::from(first))
        .ok_or_else(|| MemberError::Unreachable("css_set.subsys[memory_cgrp_id]".to_owned()))
}

fn keep(found: Result<u16, MemberError>, problems: &mut Vec<MemberError>) -> u16 {
    found.unwrap_or_else(|problem| {
        problems.push(problem);
        ABSENT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_every_field() {
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else { return };
        let btf = Btf::parse(&bytes).expect("the kernel's own BTF parses");
        let (offsets, problems) = resolve(&btf);
        assert_eq!(problems, []);
        assert_eq!(offsets.absent().collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(require_identity(&offsets).is_ok());
    }
}
