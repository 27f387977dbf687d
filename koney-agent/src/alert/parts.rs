//! What every rendering of an alert says the same way.

use jiff::Timestamp;

use super::{Alert, Owner, Trap};

impl Alert {
    /// When it happened, cut to whole seconds: `2025-07-18T19:39:11Z`.
    #[must_use]
    pub fn time_in_seconds(&self) -> String {
        whole_seconds(self.time)
    }

    /// The node or, on a machine without containers, the host.
    #[must_use]
    pub fn node_name(&self) -> Option<&str> {
        match &self.owner {
            Owner::Host { name, .. } if !name.is_empty() => Some(name),
            Owner::Host { .. } | Owner::Container(_) => self.node.as_deref(),
        }
    }
}

impl Trap {
    /// Koney's word for this kind of trap.
    #[must_use]
    pub fn koney_type(&self) -> &'static str {
        match self {
            Self::FilesystemHoneytoken { .. } => "filesystem_honeytoken",
            Self::Unknown => "unknown",
        }
    }
}

/// Cuts, never rounds: the second named is the one in which it happened.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> String {
    format!("{time:.0}")
}

#[cfg(test)]
mod tests {
    use super::whole_seconds;

    #[test]
    fn seconds_are_cut() {
        for time in ["2025-07-18T19:39:11Z", "2025-07-18T19:39:11.000000001Z", "2025-07-18T19:39:11.999999999Z"] {
            assert_eq!(whole_seconds(time.parse().expect("a valid time")), "2025-07-18T19:39:11Z");
        }
    }
}
