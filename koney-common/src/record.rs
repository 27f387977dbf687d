//! The record of one access, captured at the moment it happens.

/// Layout version, first in every record.
pub const VERSION: u16 = 2;

/// Bytes of `task_struct.comm` (`TASK_COMM_LEN`, `include/linux/sched.h`).
pub const COMM_LEN: usize = 16;
/// Longest name of one directory entry with its NUL (`NAME_MAX` + 1).
pub const NAME_LEN: usize = 256;
/// A path is cut at the first component that would start at or beyond this.
pub const PATH_LEN: usize = 1024;
/// A path's area: the last component may start just below [`PATH_LEN`].
pub const PATH_AREA: usize = PATH_LEN + NAME_LEN;
/// Longest argument block captured.
pub const ARGUMENTS_LEN: usize = 2048;

/// One access. Integers in native byte order; which of them mean something is told by `valid`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Record {
    /// [`VERSION`].
    pub version: u16,
    /// One of [`operation`].
    pub operation: u8,
    /// [`CHECK_IDENTITY`] or [`CHECK_NAME`].
    pub check: u8,
    /// [`ORIGIN_WORKLOAD`] or [`ORIGIN_RUNTIME_EXEC`].
    pub origin: u32,
    /// One bit per field group, see [`valid`].
    pub valid: u64,
    /// Nanoseconds since boot (`CLOCK_BOOTTIME`).
    pub time_ns: u64,
    /// `inode.i_ino` of the file.
    pub inode: u64,
    /// `super_block.s_dev` of the file.
    pub device: u32,
    /// The agent's number of the trap.
    pub trap: u32,
    /// `file.f_flags`.
    pub open_flags: u32,
    /// `inode.i_generation` of the opened file.
    pub generation: u32,
    /// Thread group, in the agent's pid namespace.
    pub pid: u32,
    /// Thread, in the agent's pid namespace.
    pub tid: u32,
    /// Thread group, in the initial pid namespace.
    pub init_pid: u32,
    /// Thread, in the initial pid namespace.
    pub init_tid: u32,
    /// The real parent's thread group, in the agent's pid namespace.
    pub parent_pid: u32,
    /// Real user id, initial user namespace.
    pub uid: u32,
    /// Real group id, initial user namespace.
    pub gid: u32,
    /// Effective user id, initial user namespace.
    pub euid: u32,
    /// Login user id; `u32::MAX` is "never logged in".
    pub login_uid: u32,
    /// Inode number of the mount namespace.
    pub mount_ns: u32,
    /// Inode number of the pid namespace.
    pub pid_ns: u32,
    /// Inode number of the user namespace.
    pub user_ns: u32,
    /// Start of the process, nanoseconds since boot.
    pub start_time_ns: u64,
    /// Start of the parent, nanoseconds since boot.
    pub parent_start_time_ns: u64,
    /// Effective capabilities, one bit each.
    pub capabilities: u64,
    /// `kernfs_node.id` of the cgroup.
    pub cgroup_id: u64,
    /// `inode.i_ino` of the process's root directory.
    pub root_inode: u64,
    /// `super_block.s_dev` of the process's root directory.
    pub root_device: u32,
    /// Always zero.
    pub padding_root: u32,
    /// The thread's command name, NUL-padded.
    pub comm: [u8; COMM_LEN],
    /// The parent's command name, NUL-padded.
    pub parent_comm: [u8; COMM_LEN],
    /// Bytes used of `executable`.
    pub executable_len: u16,
    /// Bytes used of `cwd`.
    pub cwd_len: u16,
    /// Bytes used of `path`.
    pub path_len: u16,
    /// Bytes used of `arguments`.
    pub arguments_len: u16,
    /// Bytes used of `cgroup_name`, the NUL included.
    pub cgroup_name_len: u16,
    /// Bytes used of `cgroup_parent_name`, the NUL included.
    pub cgroup_parent_name_len: u16,
    /// Always zero.
    pub padding: u32,
    /// Path of the executable: components from the last to the first, each NUL-terminated.
    pub executable: [u8; PATH_AREA],
    /// Working directory, in the same form.
    pub cwd: [u8; PATH_AREA],
    /// Path of the opened file, in the same form, as seen from the process's root directory.
    pub path: [u8; PATH_AREA],
    /// The argument block, NUL-separated, as the process's memory holds it.
    pub arguments: [u8; ARGUMENTS_LEN],
    /// Name of the cgroup.
    pub cgroup_name: [u8; NAME_LEN],
    /// Name of the cgroup's parent.
    pub cgroup_parent_name: [u8; NAME_LEN],
}

/// What was done to the file.
pub mod operation {
    /// Opened for reading.
    pub const OPEN: u8 = 1;
    /// Opened for writing, or for both.
    pub const WRITE: u8 = 2;
    /// Executed.
    pub const EXEC: u8 = 3;
    /// Created, and opened with that.
    pub const CREATE: u8 = 4;
    /// One of its names was removed.
    pub const UNLINK: u8 = 5;
    /// Moved to another name.
    pub const RENAME: u8 = 6;
    /// Another file takes its name.
    pub const REPLACE: u8 = 7;
    /// Given another name.
    pub const LINK: u8 = 8;
    /// A symbolic link takes its name.
    pub const SYMLINK: u8 = 9;
    /// Cut or extended without an open.
    pub const TRUNCATE: u8 = 10;
    /// Permission bits changed.
    pub const CHMOD: u8 = 11;
    /// Owner or group changed.
    pub const CHOWN: u8 = 12;
    /// An extended attribute set.
    pub const SETXATTR: u8 = 13;
    /// Asked for and maybe denied.
    pub const DENIED: u8 = 14;
}

/// The file's (device, inode) is armed.
pub const CHECK_IDENTITY: u8 = 1;
/// The file has a decoy's name and was armed on the spot.
pub const CHECK_NAME: u8 = 2;
/// The process descends from the first process of its pid namespace.
pub const ORIGIN_WORKLOAD: u32 = 1;
/// The process was put into its pid namespace from outside.
pub const ORIGIN_RUNTIME_EXEC: u32 = 2;

/// Bits of [`Record::valid`]: absent is not zero.
pub mod valid {
    /// `pid` and `tid`.
    pub const PIDS: u64 = 1 << 0;
    /// `parent_pid`.
    pub const PARENT: u64 = 1 << 1;
    /// `start_time_ns`.
    pub const START_TIME: u64 = 1 << 2;
    /// `parent_start_time_ns`.
    pub const PARENT_START_TIME: u64 = 1 << 3;
    /// `uid`, `gid`, `euid`.
    pub const IDS: u64 = 1 << 4;
    /// `login_uid`.
    pub const LOGIN_UID: u64 = 1 << 5;
    /// `capabilities`.
    pub const CAPABILITIES: u64 = 1 << 6;
    /// `cgroup_id`.
    pub const CGROUP_ID: u64 = 1 << 7;
    /// `cgroup_name`.
    pub const CGROUP_NAME: u64 = 1 << 8;
    /// `cgroup_parent_name`.
    pub const CGROUP_PARENT_NAME: u64 = 1 << 9;
    /// `mount_ns`.
    pub const MOUNT_NS: u64 = 1 << 10;
    /// `pid_ns`.
    pub const PID_NS: u64 = 1 << 11;
    /// `user_ns`.
    pub const USER_NS: u64 = 1 << 12;
    /// `comm`.
    pub const COMM: u64 = 1 << 13;
    /// `parent_comm`.
    pub const PARENT_COMM: u64 = 1 << 14;
    /// `executable`.
    pub const EXECUTABLE: u64 = 1 << 15;
    /// `cwd`.
    pub const CWD: u64 = 1 << 16;
    /// `path`.
    pub const PATH: u64 = 1 << 17;
    /// `arguments`.
    pub const ARGUMENTS: u64 = 1 << 18;
    /// `origin`.
    pub const ORIGIN: u64 = 1 << 19;
    /// `open_flags`.
    pub const OPEN_FLAGS: u64 = 1 << 20;
    /// `generation`.
    pub const GENERATION: u64 = 1 << 21;
    /// `root_inode` and `root_device`.
    pub const ROOT: u64 = 1 << 22;

    /// The argument block was longer than its area.
    pub const ARGUMENTS_TRUNCATED: u64 = 1 << 32;
    /// The first components of `executable` are missing.
    pub const EXECUTABLE_TRUNCATED: u64 = 1 << 33;
    /// The first components of `cwd` are missing.
    pub const CWD_TRUNCATED: u64 = 1 << 34;
    /// The first components of `path` are missing.
    pub const PATH_TRUNCATED: u64 = 1 << 35;
    /// `path` does not lie below the process's root directory; it is told from the root of its mount tree.
    pub const PATH_OUTSIDE_ROOT: u64 = 1 << 36;
    /// The process is a kernel thread: it has no executable and no arguments.
    pub const KERNEL_THREAD: u64 = 1 << 37;
    /// The file was opened by an overlay on behalf of the process.
    pub const NESTED: u64 = 1 << 38;
    /// `path` is told from the root of the file system: the hook knows no mount.
    pub const PATH_IN_FILE_SYSTEM: u64 = 1 << 39;
}

/// Size of the ring, a power of two: some six hundred records.
pub const RING_BYTES: usize = 4 << 20;
/// Size of the ring of candidates, which must not crowd out accesses to what is known to be a trap.
pub const CANDIDATE_RING_BYTES: usize = 2 << 20;

/// Size of every record.
pub const RECORD_LEN: usize = size_of::<Record>();

const _: () = {
    assert!(core::mem::offset_of!(Record, time_ns) == 16);
    assert!(core::mem::offset_of!(Record, pid) == 48);
    assert!(core::mem::offset_of!(Record, start_time_ns) == 96);
    assert!(core::mem::offset_of!(Record, comm) == 144);
    assert!(core::mem::offset_of!(Record, executable_len) == 176);
    assert!(core::mem::offset_of!(Record, executable) == 192);
    assert!(core::mem::offset_of!(Record, arguments) == 192 + 3 * PATH_AREA);
    assert!(RECORD_LEN == 192 + 3 * PATH_AREA + ARGUMENTS_LEN + 2 * NAME_LEN);
    assert!(RECORD_LEN.is_multiple_of(8));
    assert!(PATH_LEN.is_power_of_two());
};
