//! The alert: what is known about one access, free of any transport.
//!
//! Strings taken from the kernel or `/proc` were written by whoever is being watched: they are bounded and valid UTF-8 here,
//! and every sink escapes them for its own format.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::Labels;
use crate::event::{Check, Operation};

/// 32 upper-case hex digits: the same for every sink and for a record that is read again after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlertId(String);

/// Koney's trap types, with what each carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// A decoy file.
    FilesystemHoneytoken {
        /// `filePath` as the policy writes it.
        file_path: String,
    },
    /// A decoy address of a web service.
    HttpEndpoint(HttpRequest),
    /// A decoy in what a web service answers, which somebody has used.
    HttpPayload(HttpRequest),
    /// An alert that names no trap, for example a gap in coverage.
    Unknown,
}

/// What is known of the request that touched a trap of HTTP. Its sender wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// For example `GET`.
    pub method: Option<String>,
    /// The host that was asked for.
    pub host: Option<String>,
    /// The path that was asked for.
    pub path: Option<String>,
    /// The address from which it came.
    pub client: Option<String>,
}

/// Where the honeytoken is: the owner that an alert names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A bare host.
    Host {
        /// Host name.
        name: String,
        /// `/etc/machine-id`, where the host has one.
        machine_id: Option<String>,
    },
    /// A container of a pod.
    Container(Container),
}

/// A container and the pod it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container in the pod.
    pub name: String,
    /// Runtime id, without the runtime's scheme.
    pub id: String,
    /// The runtime's word before `://` in the pod's status.
    pub runtime: String,
    /// Kind and name of the pod's topmost owner.
    pub workload: Option<(String, String)>,
}

/// Where a process that is not the owner's belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accessor {
    /// To the host.
    Host,
    /// To another container.
    Container {
        /// Runtime id, without the runtime's scheme.
        id: String,
        /// What is known of it.
        container: Option<Box<Container>>,
    },
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Process id (thread group) in the agent's pid namespace, where that contains the process.
    pub pid: Option<u32>,
    /// Thread id in the agent's pid namespace.
    pub tid: Option<u32>,
    /// Real user id in the initial user namespace.
    pub uid: Option<u32>,
    /// Real group id in the initial user namespace.
    pub gid: Option<u32>,
    /// Login user id (`/proc/PID/loginuid`).
    pub login_uid: Option<u32>,
    /// Effective capabilities, one bit each (`include/uapi/linux/capability.h`).
    pub capabilities: Option<u64>,
    /// Command name (`comm`).
    pub comm: Option<String>,
    /// Full path of the executable.
    pub executable: Option<String>,
    /// Arguments without `argv[0]`, joined by one space.
    pub arguments: Option<String>,
    /// The arguments were longer than what a record holds.
    pub arguments_truncated: bool,
    /// Working directory.
    pub cwd: Option<String>,
    /// When the process started.
    pub started: Option<Timestamp>,
    /// The parent's process id.
    pub parent_pid: Option<u32>,
    /// The parent's command name.
    pub parent_comm: Option<String>,
}

/// What a process did again after its first access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// How many accesses came after the first.
    pub count: u64,
    /// The first access.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
}

/// Accesses may have gone unseen: told like an access, because a gap is what an intruder would make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub cause: GapCause,
    /// How often, since the last time this was told.
    pub count: u64,
}

/// Why accesses may have gone unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapCause {
    /// Records came faster than they could be read.
    RingFull,
    /// The kernel skipped the program.
    ProgramSkipped,
    /// The kernel could not take a key.
    NotArmed,
    /// fanotify's queue was full; it does not tell how many events that cost.
    QueueFull,
    /// The kernel could not open a decoy for the agent's event.
    NotOpened,
    /// Nothing sees opens any more.
    Blind,
    /// No agent was there, and its programs with it; counts seconds.
    NoAgent,
    /// Accesses were held when the machine went down, and cannot be described any more.
    HeldAtReboot,
    /// Alerts that wait are in memory, where a kill loses them.
    InMemory,
}

/// Why something is sent that looks like an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// It is one.
    #[default]
    Alert,
    /// To show that the agent lives and the way to the receiver is free.
    Heartbeat,
    /// Somebody tries a sink.
    Test,
}

/// One access to one honeytoken under one policy, or a gap in coverage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Identity of this alert.
    pub id: AlertId,
    /// When it happened, taken in the kernel.
    pub time: Timestamp,
    /// Name of the `DeceptionPolicy`.
    pub policy: Option<String>,
    /// The trap that was touched.
    pub trap: Trap,
    /// What was done.
    pub operation: Operation,
    /// How the file was recognised.
    pub check: Check,
    /// Name of the node (or host).
    pub node: Option<String>,
    /// Whose trap it is.
    pub owner: Owner,
    /// Who touched it.
    pub process: Option<Process>,
    /// Where whoever touched it belongs, where that is not the owner.
    pub accessor: Option<Accessor>,
    /// The name that was really used, where it is not the policy's `filePath`.
    pub accessed_path: Option<String>,
    /// What followed: set on the one alert that sums up a burst, whose first access has an alert of its own.
    pub repeats: Option<Repeated>,
    /// Set where this is no access but a gap in coverage.
    pub gap: Option<Gap>,
    /// How the kernel noticed, for example `lsm` or `fentry`.
    pub detector: &'static str,
    /// What its policy says about it.
    pub labels: Arc<Labels>,
    /// Name of the cluster, where somebody gave it one.
    pub cluster: Option<String>,
    /// Uid of the cluster, where it is known.
    pub cluster_uid: Option<String>,
    /// Why it is sent.
    pub purpose: Purpose,
}

impl Container {
    /// Nobody told in time which pod it belongs to.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.pod.is_empty()
    }

    /// The id as Koney writes it, which takes off a runtime's word only where that has no hyphen: that of CRI-O stays.
    #[must_use]
    pub fn koney_id(&self) -> String {
        if self.runtime.contains('-') { format!("{}://{}", self.runtime, self.id) } else { self.id.clone() }
    }
}

impl GapCause {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::RingFull,
        Self::ProgramSkipped,
        Self::NotArmed,
        Self::QueueFull,
        Self::NotOpened,
        Self::Blind,
        Self::NoAgent,
        Self::HeldAtReboot,
        Self::InMemory,
    ];

    /// One word for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring-full",
            Self::ProgramSkipped => "program-skipped",
            Self::NotArmed => "not-armed",
            Self::QueueFull => "queue-full",
            Self::NotOpened => "not-opened",
            Self::Blind => "blind",
            Self::NoAgent => "no-agent",
            Self::HeldAtReboot => "held-at-reboot",
            Self::InMemory => "in-memory",
        }
    }

    /// A few words for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::RingFull => "records dropped because the ring was full",
            Self::ProgramSkipped => "opens not seen because the kernel skipped the program",
            Self::NotArmed => "files not armed because the kernel's trap table was full or memory short",
            Self::QueueFull => "times that fanotify's queue was full and events were dropped",
            Self::NotOpened => "events dropped because descriptors or memory were short",
            Self::Blind => "opens are not seen any more",
            Self::InMemory => "batches of alerts that could not be put on disk, and that a kill of the agent would lose",
            Self::HeldAtReboot => "accesses that were held when the machine went down",
            Self::NoAgent => "seconds in which no agent ran and no program watched",
        }
    }
}

impl AlertId {
    /// Writes the first 16 bytes of a digest as 32 upper-case hex digits.
    #[must_use]
    pub fn from_digest(digest: &[u8; 16]) -> Self {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
        let digit = |value: u8| DIGITS[usize::from(value & 0xf)];
        let mut id = String::with_capacity(32);
        id.extend(digest.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]));
        Self(id)
    }

    /// The bytes that the digits stand for.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let mut digest = [0; 16];
        for (byte, digits) in digest.iter_mut().zip(self.0.as_bytes().chunks(2)) {
            let value =
                digits.iter().filter_map(|digit| char::from(*digit).to_digit(16)).fold(0, |value, digit| value * 16 + digit);
            *byte = u8::try_from(value).expect("two hex digits");
        }
        digest
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
