//! What a status is made of, and its form as JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Attention;

/// The form of [`Status`] as JSON. It grows by one when a field goes or means something else; new fields may come at any time.
pub const VERSION: u32 = 1;

/// Receiver of the alert lines, which no resource describes.
pub const STDOUT: &str = "stdout";

/// One agent at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The form of this object: [`VERSION`].
    pub version: u32,
    /// When it was made.
    pub time: Timestamp,
    /// The agent itself.
    pub agent: Agent,
    /// What a person should look at; whatever is worst comes first.
    pub attention: Vec<Attention>,
    /// How accesses are seen.
    pub detection: Detection,
    /// Every trap of the node, in the order of places and paths.
    pub traps: Vec<Trap>,
    /// Every sink, in the order of names.
    pub sinks: Vec<Sink>,
    /// The last accesses that were told, the newest first; a bounded number, and none from before the agent's start.
    pub accesses: Vec<Access>,
    /// What of the resources is not in force as written, or probably not meant.
    pub resources: Vec<Resource>,
}

/// The agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its version.
    pub version: String,
    /// Name of its node.
    pub node: String,
    /// Its process id, in its own pid namespace.
    pub pid: u32,
    /// When it started.
    pub started: Timestamp,
    /// Records are read, as far as there are any.
    pub alive: bool,
    /// Every step is done.
    pub ready: bool,
    /// What has to be done before the agent is ready.
    pub steps: Vec<Step>,
}

/// A step towards readiness. One that is done stays so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `attached`, `policies`, `pods` or `traps`.
    pub name: String,
    /// It is done.
    pub done: bool,
}

/// How accesses are seen, and what of them was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// Release of the kernel.
    pub kernel: String,
    /// `lsm`, `fentry`, `kprobe` or `fanotify`.
    pub method: String,
    /// Accesses can be missed or told with less, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// What was tried before, and why it is not used.
    pub refused: Vec<Refused>,
    /// Where the programs hang, or why one does not; empty for fanotify, which has none.
    pub hooks: Vec<Hook>,
    /// Accesses that may have gone unseen since the start, by cause.
    pub losses: Vec<Loss>,
    /// What the kernel programs counted since they were loaded; empty for fanotify.
    pub counters: BTreeMap<String, u64>,
}

/// A method that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which; empty where it is about all of eBPF.
    pub method: String,
    /// What came of it.
    pub reason: String,
}

/// A hook of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// For example `file_open`.
    pub name: String,
    /// Method and place, for example `lsm file_open`.
    pub place: String,
    /// Its program is attached.
    pub attached: bool,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What goes unseen without it.
    pub serves: String,
}

/// Accesses that may have gone unseen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// One word, as in the alert that told of it.
    pub cause: String,
    /// The same for people.
    pub text: String,
    /// How often.
    pub count: u64,
    /// When it was told last.
    pub last: Timestamp,
    /// What a person can do about it.
    pub remedy: String,
}

/// A path in a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// Names of the policies that want it.
    pub policies: Vec<String>,
    /// `filePath` as they write it.
    pub path: String,
    /// The container that it is in; none for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// `armed`, `replaced`, `pending`, `missing`, `unreachable`, `unsupported` or `failed`.
    pub state: String,
    /// Every access is seen.
    pub watched: bool,
    /// The state with its reason, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person can do about the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Accesses that were told, since the agent's start.
    pub accesses: u64,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_access: Option<Timestamp>,
}

/// A container and its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod; empty where nobody has told of it.
    pub pod: String,
    /// Name in the pod.
    pub name: String,
    /// Runtime id.
    pub id: String,
}

/// A sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sink {
    /// Name of its resource.
    pub name: String,
    /// What it sends to, for example `dynatrace`; `stdout` for the alert lines.
    pub receiver: String,
    /// How it fares.
    pub state: SinkState,
    /// Alerts that wait.
    pub queued: usize,
    /// When the oldest of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// Alerts that the receiver took, since the start.
    pub delivered: u64,
    /// When it took the last one, since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// Alerts that it will never take, and that are kept.
    pub dead_letters: usize,
    /// Alerts that found no room anywhere, since the start.
    pub dropped: u64,
    /// Alerts that its filter left out, since the start.
    pub filtered: u64,
    /// Why alerts wait or cannot be sent: what was in the way last, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why alerts that wait are in memory only, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatile: Option<String>,
}

/// How a sink fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkState {
    /// It lacks what it takes to send: nothing is sent, and alerts wait.
    NotConfigured,
    /// The last attempt failed; alerts wait, or were refused.
    Failing,
    /// The receiver has taken what there was.
    Delivering,
    /// It has had no alert yet.
    Idle,
}

/// One access that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// When it happened.
    pub time: Timestamp,
    /// Id of the alert, of one where several policies have one each.
    pub id: String,
    /// `open`, `write` and so on.
    pub operation: String,
    /// The policies that were told.
    pub policies: Vec<String>,
    /// `filePath` of the trap.
    pub path: String,
    /// The container that the trap is in; none for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// Name of the process: whatever it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Its process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How many accesses it sums up; 1 for one.
    pub count: u64,
}

/// Something in a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// It is not in force as written; otherwise it probably is not meant.
    pub error: bool,
    /// The object, for example `DeceptionPolicy/demo`; else the file.
    pub object: String,
    /// The field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Sink {
    /// A resource describes it.
    #[must_use]
    pub fn has_resource(&self) -> bool {
        self.receiver != STDOUT
    }
}

impl Container {
    /// `namespace/pod/container`, or the beginning of the id where the pod is not known.
    #[must_use]
    pub fn place(&self) -> String {
        if self.pod.is_empty() {
            return format!("container {}", self.id.chars().take(12).collect::<String>());
        }
        format!("{}/{}/{}", self.namespace, self.pod, self.name)
    }
}

impl SinkState {
    /// A person has to look at it.
    #[must_use]
    pub const fn is_wrong(self) -> bool {
        matches!(self, Self::NotConfigured | Self::Failing)
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotConfigured => "not-configured",
            Self::Failing => "failing",
            Self::Delivering => "delivering",
            Self::Idle => "idle",
        }
    }
}
