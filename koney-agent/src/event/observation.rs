//! What the kernel saw, in types. Whatever the kernel could not tell is `None`.

use koney_common::TrapKey;

/// One access to an armed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Nanoseconds since boot (`CLOCK_BOOTTIME`).
    pub boot_ns: u64,
    /// What was done.
    pub operation: Operation,
    /// How the file was recognised.
    pub check: Check,
    /// The agent's number of the trap.
    pub trap: u32,
    /// The kernel's identity of the file.
    pub key: TrapKey,
    /// `inode.i_generation`.
    pub generation: Option<u32>,
    /// The open came from an overlay on behalf of the process.
    pub nested: bool,
    /// `open(2)` flags.
    pub open_flags: Option<u32>,
    /// The name used, as the process sees it.
    pub path: Option<String>,
    /// Who did it.
    pub subject: Subject,
}

/// What was done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Opened.
    Open,
}

/// How the file was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// By device and inode.
    Identity,
}

/// How the process came into its pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It descends from the namespace's first process.
    Workload,
    /// It was put there from outside, as `kubectl exec` does.
    RuntimeExec,
}

/// The process, captured while it was inside the access. Strings are attacker-written: valid UTF-8, bounded, nothing more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Process id in the agent's pid namespace.
    pub pid: Option<u32>,
    /// Thread id in the agent's pid namespace.
    pub tid: Option<u32>,
    /// Process id in the initial pid namespace.
    pub init_pid: u32,
    /// Thread id in the initial pid namespace; unique on the node at any time.
    pub init_tid: u32,
    /// Start, nanoseconds since boot.
    pub start_ns: Option<u64>,
    /// Its parent.
    pub parent: Parent,
    /// Real user id.
    pub uid: Option<u32>,
    /// Real group id.
    pub gid: Option<u32>,
    /// Effective user id.
    pub euid: Option<u32>,
    /// Login user id; `None` also where nobody logged in.
    pub login_uid: Option<u32>,
    /// Effective capabilities.
    pub capabilities: Option<u64>,
    /// Command name.
    pub comm: Option<String>,
    /// Full path of the executable, as the process sees it.
    pub executable: Option<String>,
    /// Arguments, `argv[0]` first.
    pub arguments: Option<Vec<String>>,
    /// The argument block was longer than a record holds.
    pub arguments_truncated: bool,
    /// Working directory.
    pub cwd: Option<String>,
    /// Inode number of the mount namespace.
    pub mount_ns: Option<u32>,
    /// Inode number of the pid namespace.
    pub pid_ns: Option<u32>,
    /// Inode number of the user namespace.
    pub user_ns: Option<u32>,
    /// Id of the cgroup.
    pub cgroup_id: Option<u64>,
    /// Name of the cgroup: a container's id in some dress.
    pub cgroup_name: Option<String>,
    /// Name of the cgroup's parent: a pod's uid in some dress.
    pub cgroup_parent_name: Option<String>,
    /// How it came into its pid namespace.
    pub origin: Option<Origin>,
    /// It is a kernel thread.
    pub kernel_thread: bool,
}

/// The parent at the moment of the access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parent {
    /// Process id in the agent's pid namespace.
    pub pid: Option<u32>,
    /// Start, nanoseconds since boot.
    pub start_ns: Option<u64>,
    /// Command name.
    pub comm: Option<String>,
}

impl Operation {
    /// The word for it in ids.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
        }
    }
}
