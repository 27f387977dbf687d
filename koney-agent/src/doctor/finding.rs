//! One thing that was looked at.

use serde::Serialize;

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Usable, and something is lost by it.
    Degraded,
    /// Not there. Whether detection depends on it, its cost says.
    Missing,
}

/// What a finding means for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// A degraded one degrades detection, a missing one does not prevent it.
    Plain,
    /// One of several ways: what it lacks counts only where it is the one that is used.
    Alternative,
    /// Where detection is not possible and this is missing, it is the reason.
    Privilege,
    /// There is no detection without it.
    Essential,
}

/// What was found, what that costs and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at; the same name in every version.
    pub check: String,
    /// How it stands.
    pub status: Status,
    /// What was seen.
    pub found: String,
    /// What is lost by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    #[serde(skip)]
    pub(super) weight: Weight,
}

impl Finding {
    pub(super) fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, found.into())
    }

    pub(super) fn degraded(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Degraded, found.into())
    }

    pub(super) fn missing(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Missing, found.into())
    }

    fn new(check: &str, status: Status, found: String) -> Self {
        Self { check: check.to_owned(), status, found, cost: None, remedy: None, weight: Weight::Plain }
    }

    pub(super) fn costs(self, cost: impl Into<String>) -> Self {
        Self { cost: Some(cost.into()), ..self }
    }

    pub(super) fn mended_by(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    pub(super) fn weighing(self, weight: Weight) -> Self {
        Self { weight, ..self }
    }
}

/// Splits an error of the house into what is wrong and what helps: `CAUSE; REMEDY`.
pub(super) fn cause_and_remedy(error: &str) -> (&str, Option<&str>) {
    error.rsplit_once("; ").map_or((error, None), |(cause, remedy)| (cause, Some(remedy)))
}
