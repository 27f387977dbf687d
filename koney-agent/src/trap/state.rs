//! The named state of a trap: what a person must be able to see.

use std::fmt;

use crate::kernel::{ArmError, OpenError};

/// Where a trap stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not tried yet.
    Pending,
    /// Every access is seen.
    Armed,
    /// Every access is seen, but another file is at the path than was found there first.
    Replaced,
    /// The decoy does not exist.
    Missing,
    /// The decoy's file system does not answer.
    Unreachable,
    /// What is at the path cannot be a trap: why, and what a person can do.
    Unsupported(String, &'static str),
    /// The container's files are those of another kernel.
    Sandboxed,
    /// The decoy cannot be looked at or armed: why, and what a person can do.
    Failed(String, &'static str),
}

impl State {
    pub(super) fn of(error: &ArmError) -> Self {
        match error {
            ArmError::Open(OpenError::Missing) => Self::Missing,
            ArmError::Unreachable => Self::Unreachable,
            ArmError::Open(OpenError::NotRegular(_)) | ArmError::Remote(_) => {
                Self::Unsupported(error.to_string(), error.remedy())
            }
            other => Self::Failed(other.to_string(), other.remedy()),
        }
    }

    /// The word for it, without its reason.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Armed => "armed",
            Self::Replaced => "replaced",
            Self::Missing => "missing",
            Self::Unreachable => "unreachable",
            Self::Unsupported(..) | Self::Sandboxed => "unsupported",
            Self::Failed(..) => "failed",
        }
    }

    /// Every access is seen.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        matches!(self, Self::Armed | Self::Replaced)
    }

    /// The smaller, the sooner it is looked at.
    pub(super) const fn urgency(&self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Missing | Self::Unsupported(..) | Self::Failed(..) => 1,
            Self::Armed | Self::Replaced => 2,
            Self::Unreachable | Self::Sandboxed => 3,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Pending | Self::Armed => "",
            Self::Replaced => "look at the file: somebody has put it in the decoy's place; it is watched like the decoy",
            Self::Missing => "create the file (koney does not plant decoys); it is armed when it appears",
            Self::Unreachable => "check the file system; it is tried again",
            Self::Sandboxed => "give the pod a runtime class without a sandbox, if it is to be watched",
            Self::Unsupported(_, remedy) | Self::Failed(_, remedy) => remedy,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(reason, _) | Self::Failed(reason, _) => write!(formatter, "{}: {reason}", self.name()),
            Self::Sandboxed => formatter.write_str("unsupported: the pod runs in a sandbox, with a kernel of its own"),
            _ => formatter.write_str(self.name()),
        }
    }
}
