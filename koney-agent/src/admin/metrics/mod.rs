//! What was counted, for a scraper: as OpenMetrics text, or as Prometheus' older text for who asks for that alone.
//!
//! In: [`Facts`], all that is known at one moment. Out: the page of `/metrics`. [`names`] declares every metric, `page` writes each.

pub mod names;
mod page;
mod process;
#[cfg(test)]
mod tests;

use std::fmt;

use prometheus_client::{
    encoding::{prometheus_text, text},
    metrics::histogram::Histogram,
    registry::Registry,
};

use crate::{cluster::Answer, kernel::Counts, sink};

/// What is counted, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How records come: `lsm`, `fentry`, `kprobe` or `fanotify`; empty before any does.
    pub method: &'static str,
    /// Hooks, by what each is attached, and whether it is.
    pub hooks: Vec<(&'static str, &'static str, bool)>,
    /// Nothing is seen any more.
    pub blind: bool,
    /// What has to be done before the agent is ready, and whether it is.
    pub steps: Vec<(&'static str, bool)>,
    /// Traps by policy and the first word of their state.
    pub traps: Vec<(String, &'static str, u64)>,
    /// Policies by what of them is in force.
    pub policies: Validity,
    /// Sinks likewise.
    pub sink_objects: Validity,
    /// What is wrong with objects, by severity.
    pub problems: Vec<(&'static str, u64)>,
    /// Pods and containers that are known; `None` where there are none to know.
    pub known: Option<(u64, u64)>,
    /// Who was asked in the cluster, and whether they have answered.
    pub answers: Vec<(&'static str, Answer)>,
    /// The kernel programs' own counters since they were loaded; `None` where there are no programs.
    pub kernel: Option<Counts>,
    /// Gaps in coverage, by cause.
    pub gaps: Vec<(&'static str, u64)>,
    /// Records that could not be read.
    pub unreadable: u64,
    /// Touches of files that were no trap any more.
    pub stale: u64,
    /// Alerts of accesses, by policy.
    pub alerts: Vec<(String, u64)>,
    /// Seconds from an access to its alert; `None` before anything was set up.
    pub delay: Option<Histogram>,
    /// Accesses that are held now.
    pub held: u64,
    /// Seconds that accesses were held.
    pub held_for: Option<Histogram>,
    /// Accesses by expected readers.
    pub expected: u64,
    /// Accesses by which Koney planted decoys.
    pub planting: u64,
    /// What alerts lacked, by kind.
    pub misses: Vec<(&'static str, u64)>,
    /// Every sink.
    pub sinks: Vec<sink::Health>,
    /// How long each sink's attempts took, in seconds.
    pub sends: Vec<(String, Histogram)>,
    /// Alerts and bytes that one queue holds.
    pub limits: (u64, u64),
}

/// Objects of one kind by what of them is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// As they are written.
    pub valid: u64,
    /// In force, but not as they are written now.
    pub partial: u64,
    /// Not in force.
    pub invalid: u64,
}

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// OpenMetrics 1.0.
    Open,
    /// Prometheus' text format 0.0.4, which `promtool check metrics` reads.
    Classic,
}

impl Form {
    /// What somebody accepts. OpenMetrics, unless they name the older format and not it.
    pub(super) fn accepted(accept: Option<&str>) -> Self {
        let names = |form: &str| accept.is_some_and(|accept| accept.contains(form));
        if names("text/plain") && !names("application/openmetrics-text") { Self::Classic } else { Self::Open }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Validity {
    fn rows(self) -> [([&'static str; 1], u64); 3] {
        [(["valid"], self.valid), (["partial"], self.partial), (["invalid"], self.invalid)]
    }
}

/// The page of `/metrics`.
pub(super) fn page(facts: Facts, form: Form) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(facts));
    let mut page = String::new();
    match form {
        Form::Open => text::encode(&mut page, &registry)?,
        Form::Classic => prometheus_text::encode(&mut page, &registry)?,
    }
    Ok(page)
}
