//! What the kernel saw, in types. Whatever the kernel could not tell is `None`.

use koney_common::{
    Repeats, RepeatsKey, Slot, TrapKey,
    identity::NO_TRAP,
    name::{Candidate, CrowdKey, Window},
    record::operation,
};

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
    /// How far the path can be relied upon.
    pub path_kind: PathKind,
    /// The process's root directory: under which `path` stands.
    pub root: Option<TrapKey>,
    /// Who did it.
    pub subject: Subject,
}

impl Observation {
    /// What the kernel noted of a file that it armed by its name.
    #[must_use]
    pub fn of_candidate(key: TrapKey, candidate: &Candidate) -> Self {
        let subject = Subject { cgroup_id: Some(candidate.cgroup).filter(|cgroup| *cgroup != 0), ..Subject::default() };
        Self { check: Check::Name, ..Self::bare(NO_TRAP, key, candidate.time_ns, subject) }
    }

    /// What the kernel counted of a process whose first access is not known any more; `None` where it is not of this layout.
    #[must_use]
    pub fn of_repeats(key: &RepeatsKey, counted: &Repeats) -> Option<Self> {
        let subject = Subject {
            init_pid: key.init_pid,
            init_tid: key.init_pid,
            start_ns: Some(key.start_time_ns).filter(|start| *start != 0),
            ..Subject::default()
        };
        let operation = u8::try_from(key.operation).ok().and_then(Operation::of_code)?;
        Some(Self { operation, ..Self::bare(NO_TRAP, key.file, counted.last_ns, subject) })
    }

    /// What the kernel counted of the processes of a cgroup.
    #[must_use]
    pub fn of_crowd(key: &CrowdKey, window: &Window) -> Self {
        let subject = Subject { cgroup_id: Some(key.cgroup).filter(|cgroup| *cgroup != 0), ..Subject::default() };
        Self::bare(key.trap, TrapKey::default(), window.last_ns, subject)
    }

    /// An open of which nothing is known but that it was.
    fn bare(trap: u32, key: TrapKey, boot_ns: u64, subject: Subject) -> Self {
        Self {
            boot_ns,
            operation: Operation::Open,
            check: Check::Identity,
            trap,
            key,
            generation: None,
            nested: false,
            open_flags: None,
            path: None,
            path_kind: PathKind::Truncated,
            root: None,
            subject,
        }
    }

    /// What the kernel kept in few words while the ring was full; `None` where it is not of this layout.
    #[must_use]
    pub fn of_slot(trap: u32, slot: &Slot) -> Option<Self> {
        let comm = slot.comm.split(|byte| *byte == 0).next().unwrap_or_default();
        let subject = Subject {
            pid: Some(slot.pid).filter(|pid| *pid != 0),
            init_pid: slot.init_pid,
            init_tid: slot.init_tid,
            start_ns: Some(slot.start_time_ns).filter(|start| *start != 0),
            uid: Some(slot.uid).filter(|uid| *uid != u32::MAX),
            cgroup_id: Some(slot.cgroup).filter(|cgroup| *cgroup != 0),
            comm: Some(String::from_utf8_lossy(comm).into_owned()),
            ..Subject::default()
        };
        let operation = u8::try_from(slot.operation).ok().and_then(Operation::of_code)?;
        Some(Self { operation, ..Self::bare(trap, slot.file, slot.time_ns, subject) })
    }
}

/// From where a path is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathKind {
    /// From the process's root directory, whole.
    #[default]
    Whole,
    /// Its first components are missing.
    Truncated,
    /// The file does not lie below the process's root directory.
    Outside,
    /// From the root of the file system: the hook knows no mount.
    InFileSystem,
}

/// What was done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Opened for reading.
    Open,
    /// Opened for writing.
    Write,
    /// Executed.
    Exec,
    /// Created.
    Create,
    /// A name of it was removed.
    Unlink,
    /// Moved to another name.
    Rename,
    /// Another file took its name.
    Replace,
    /// Given another name.
    Link,
    /// A symbolic link took its name.
    Symlink,
    /// Cut or extended without an open.
    Truncate,
    /// Permission bits changed.
    Chmod,
    /// Owner or group changed.
    Chown,
    /// An extended attribute set.
    Setxattr,
    /// Asked for and denied.
    Denied,
    /// Held open since before the agent started.
    Held,
}

/// How the file was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// By device and inode.
    Identity,
    /// By its name: nobody had armed it yet.
    Name,
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
    const CODES: [(u8, Self); 14] = [
        (operation::OPEN, Self::Open),
        (operation::WRITE, Self::Write),
        (operation::EXEC, Self::Exec),
        (operation::CREATE, Self::Create),
        (operation::UNLINK, Self::Unlink),
        (operation::RENAME, Self::Rename),
        (operation::REPLACE, Self::Replace),
        (operation::LINK, Self::Link),
        (operation::SYMLINK, Self::Symlink),
        (operation::TRUNCATE, Self::Truncate),
        (operation::CHMOD, Self::Chmod),
        (operation::CHOWN, Self::Chown),
        (operation::SETXATTR, Self::Setxattr),
        (operation::DENIED, Self::Denied),
    ];

    /// The operation of a record's code ([`koney_common::record::operation`]).
    #[must_use]
    pub fn of_code(code: u8) -> Option<Self> {
        Self::CODES.into_iter().find(|(its_code, _)| *its_code == code).map(|(_, operation)| operation)
    }

    /// A record's code; 0 for what no program tells.
    #[must_use]
    pub fn code(self) -> u8 {
        Self::CODES.into_iter().find(|(_, operation)| *operation == self).map_or(0, |(code, _)| code)
    }

    /// The word for it in ids, alerts and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Write => "write",
            Self::Exec => "exec",
            Self::Create => "create",
            Self::Unlink => "unlink",
            Self::Rename => "rename",
            Self::Replace => "replace",
            Self::Link => "link",
            Self::Symlink => "symlink",
            Self::Truncate => "truncate",
            Self::Chmod => "chmod",
            Self::Chown => "chown",
            Self::Setxattr => "setxattr",
            Self::Denied => "denied",
            Self::Held => "held",
        }
    }

    /// What Koney, which knows accesses only, has no alert for.
    #[must_use]
    pub const fn is_beyond_access(self) -> bool {
        self.is_tampering() || matches!(self, Self::Denied | Self::Held)
    }

    /// A change of the decoy, not an access to what it holds.
    #[must_use]
    pub const fn is_tampering(self) -> bool {
        matches!(
            self,
            Self::Unlink
                | Self::Rename
                | Self::Replace
                | Self::Link
                | Self::Symlink
                | Self::Truncate
                | Self::Chmod
                | Self::Chown
                | Self::Setxattr
        )
    }

    /// The file at the path may be another one now.
    #[must_use]
    pub const fn moves_files(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::Exec) || self.is_tampering()
    }
}

impl Check {
    /// The word for it in alerts and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Name => "name",
        }
    }
}
