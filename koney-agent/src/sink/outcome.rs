//! What a transport makes of one attempt, and so what happens to the alerts.

use std::time::Duration;

/// The next step for the alert that was just tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The receiver took it.
    Delivered {
        /// Something about the answer that an operator should look at once.
        remark: Option<String>,
    },
    /// Trouble that passes by itself: try again soon.
    Retry {
        /// What went wrong.
        reason: String,
        /// How long the receiver asked us to wait.
        after: Option<Duration>,
    },
    /// Trouble that a person has to mend: try again slowly, and at once when the configuration changes.
    SlowRetry {
        /// What went wrong and how to mend it.
        reason: String,
    },
    /// Too large for the receiver: try again at once in the short form.
    Shorten {
        /// What the receiver said.
        reason: String,
    },
    /// The batch is refused as a whole: try its letters one by one. Never said of a single letter.
    Split {
        /// What the receiver said.
        reason: String,
    },
    /// The receiver will never take this one.
    Reject {
        /// What the receiver said.
        reason: String,
    },
    /// The receiver is gone for good and takes nothing any more.
    Gone {
        /// What went wrong.
        reason: String,
    },
}

/// How much of an alert's text is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of it, within the bounds of the format.
    Full,
    /// Long values cut, after a receiver called the full form too large.
    Short,
}

impl Action {
    /// Delivered, with nothing to remark.
    #[must_use]
    pub fn delivered() -> Self {
        Self::Delivered { remark: None }
    }

    /// For a batch of so many letters: what is wrong with one of them is not known to be wrong with the others.
    #[must_use]
    pub fn of_batch(self, letters: usize) -> Self {
        match self {
            Self::Shorten { reason } | Self::Reject { reason } if letters > 1 => Self::Split { reason },
            other => other,
        }
    }

    /// The text that a person reads, where there is one.
    pub(super) fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Delivered { remark } => remark.as_mut(),
            Self::Retry { reason, .. }
            | Self::SlowRetry { reason }
            | Self::Shorten { reason }
            | Self::Split { reason }
            | Self::Reject { reason }
            | Self::Gone { reason } => Some(reason),
        }
    }
}
