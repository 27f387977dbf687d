//! How grave the owner of a sink calls its findings.

use std::str::FromStr;

/// Dynatrace's risk levels, with the score that stands for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Severity {
    /// 10.0
    Critical,
    /// 8.9
    #[default]
    High,
    /// 6.9
    Medium,
    /// 3.9
    Low,
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
