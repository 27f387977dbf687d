//! What one agent knows, in numbers and words; no path, no pod and no token is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// How accesses are seen: `lsm`, `fentry`, `kprobe` or `fanotify`.
    pub detector: String,
    /// Every policy that is known.
    pub policies: BTreeMap<String, PolicyState>,
    /// Every sink of the agents' namespace.
    pub sinks: BTreeMap<String, SinkState>,
}

/// One policy on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// Containers that have a trap of it.
    pub containers: u64,
    /// Those of them in which every trap is armed.
    pub armed: u64,
    /// Of the others, how many there are of each state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, u64>,
    /// It has a trap that is to be watched.
    pub watched: bool,
    /// What is wrong with the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One sink as one node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkState {
    /// It has all it needs to send.
    pub ready: bool,
    /// It has taken an alert.
    pub delivered: bool,
    /// Why alerts wait, or why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why alerts that wait are in memory only, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatile: Option<String>,
    /// Alerts that it will never take, and that are kept.
    #[serde(default)]
    pub dead_letters: usize,
}
