//! What every rendering of an alert says the same way.

use jiff::Timestamp;

use super::{Alert, Container, HttpRequest, Owner, Purpose, Severity, Trap};

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

    /// The owner, where that is a container.
    #[must_use]
    pub fn container(&self) -> Option<&Container> {
        match &self.owner {
            Owner::Container(container) => Some(container),
            Owner::Host { .. } => None,
        }
    }

    /// How grave it is: what its policy says, or else `of_sink`. What is no access is not as grave as one.
    #[must_use]
    pub fn severity(&self, of_sink: Severity) -> Severity {
        match self.purpose {
            Purpose::Heartbeat | Purpose::Test => Severity::Low,
            Purpose::Alert if self.gap.is_some() => Severity::Medium,
            Purpose::Alert => self.labels.severity.unwrap_or(of_sink),
        }
    }

    /// One word for what this tells.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.purpose {
            Purpose::Heartbeat => "heartbeat",
            Purpose::Test => "test",
            Purpose::Alert if self.gap.is_some() => "coverage",
            Purpose::Alert if self.operation.is_tampering() => "tampering",
            Purpose::Alert => "access",
        }
    }

    /// What was done, where something was: of a gap or a heartbeat there is nothing to say.
    #[must_use]
    pub fn operation_name(&self) -> Option<&'static str> {
        (self.purpose == Purpose::Alert && self.gap.is_none()).then(|| self.operation.name())
    }
}

impl Trap {
    /// Koney's word for this kind of trap.
    #[must_use]
    pub fn koney_type(&self) -> &'static str {
        match self {
            Self::FilesystemHoneytoken { .. } => "filesystem_honeytoken",
            Self::HttpEndpoint(_) => "http_endpoint",
            Self::HttpPayload(_) => "http_payload",
            Self::Unknown => "unknown",
        }
    }

    /// The decoy file.
    #[must_use]
    pub fn file_path(&self) -> Option<&str> {
        match self {
            Self::FilesystemHoneytoken { file_path } => Some(file_path),
            Self::HttpEndpoint(_) | Self::HttpPayload(_) | Self::Unknown => None,
        }
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> Option<&HttpRequest> {
        match self {
            Self::HttpEndpoint(request) | Self::HttpPayload(request) => Some(request),
            Self::FilesystemHoneytoken { .. } | Self::Unknown => None,
        }
    }

    /// What was touched, in one text.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.file_path().or_else(|| self.request()?.path.as_deref())
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
