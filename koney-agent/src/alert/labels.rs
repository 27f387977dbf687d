//! What a policy says about its alerts, beyond what happened.

use super::Severity;

/// Carried by every sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// How grave; overrides what a sink says.
    pub severity: Option<Severity>,
    /// Free words.
    pub tags: Vec<String>,
    /// MITRE ATT&CK techniques such as `T1552` and `T1552.001`.
    pub techniques: Vec<String>,
}

impl Labels {
    /// The techniques that are none of another's parts.
    pub fn main_techniques(&self) -> impl Iterator<Item = &str> {
        self.techniques.iter().map(String::as_str).filter(|technique| !technique.contains('.'))
    }

    /// The techniques that are part of another.
    pub fn sub_techniques(&self) -> impl Iterator<Item = &str> {
        self.techniques.iter().map(String::as_str).filter(|technique| technique.contains('.'))
    }
}
