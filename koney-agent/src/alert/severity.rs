//! How grave an alert is: what its policy says or, where that says nothing, what its sink does.

use std::str::FromStr;

/// Four levels in their order, each with the score that Dynatrace gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// 3.9
    Low,
    /// 6.9
    Medium,
    /// 8.9
    #[default]
    High,
    /// 10.0
    Critical,
}

/// Not one of the four levels. Final; the owner of the resource acts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity {0:?}; use CRITICAL, HIGH, MEDIUM or LOW")]
pub struct UnknownSeverity(String);

impl Severity {
    /// The level as the event carries it.
    #[must_use]
    pub fn level(self) -> &'static str {
        match self {
            Self::Critical => "CRITICAL",
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }

    /// The score as the event carries it.
    #[must_use]
    pub fn score(self) -> f64 {
        match self {
            Self::Critical => 10.0,
            Self::High => 8.9,
            Self::Medium => 6.9,
            Self::Low => 3.9,
        }
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(level: &str) -> Result<Self, Self::Err> {
        [Self::Critical, Self::High, Self::Medium, Self::Low]
            .into_iter()
            .find(|severity| severity.level() == level)
            .ok_or_else(|| UnknownSeverity(level.to_owned()))
    }
}
