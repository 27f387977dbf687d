//! A scenario, and what comes of it.

use std::{future::Future, pin::Pin};

use anyhow::Result;
use serde_json::{Value, json};

use super::{check::Tally, trial::Trial};
use crate::container::Runtime;

/// What a scenario does.
pub(super) type Play = for<'a> fn(&'a mut Trial) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// One numbered way around a trap.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its number.
    pub id: &'static str,
    /// What happens.
    pub title: &'static str,
    /// The first kernel on which it can happen.
    pub since: Option<(u32, u32)>,
    /// Why fanotify has nothing to tell of it.
    pub fanotify: Option<&'static str>,
    /// Who makes its containers.
    pub runtime: Runtime,
    pub(super) play: Play,
}

impl Scenario {
    pub(super) const fn new(id: &'static str, title: &'static str, play: Play) -> Self {
        Self { id, title, since: None, fanotify: None, runtime: Runtime::Own, play }
    }

    /// It takes a later kernel.
    pub(super) const fn since(mut self, major: u32, minor: u32) -> Self {
        self.since = Some((major, minor));
        self
    }

    /// fanotify sees nothing of it.
    pub(super) const fn not_by_fanotify(mut self, reason: &'static str) -> Self {
        self.fanotify = Some(reason);
        self
    }

    /// The same with containers of a real runtime.
    pub(super) const fn by_crun(mut self, id: &'static str) -> Self {
        self.id = id;
        self.runtime = Runtime::Crun;
        self
    }
}

/// A function as a scenario's play.
macro_rules! play {
    ($function:path) => {
        |trial| Box::pin($function(trial))
    };
}
pub(super) use play;

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Row {
    /// The scenario's number.
    pub id: &'static str,
    /// What happens in it.
    pub title: &'static str,
    /// Alerts, or accesses in floods, that were expected.
    pub expected: u64,
    /// Those that came.
    pub alerts: u64,
    /// Accesses that the kernel skipped, by its own counters.
    pub missed: u64,
    /// Why it was not played.
    pub skipped: Option<String>,
    /// The first kernel on which it can happen.
    pub since: Option<String>,
    /// Whether all is as it must be.
    pub holds: bool,
    /// What is not, in words.
    pub detail: Option<String>,
}

impl Row {
    pub(super) fn skipped(scenario: &Scenario, reason: &str) -> Self {
        Self { skipped: Some(reason.to_owned()), holds: true, ..Self::of(scenario, Tally::default()) }
    }

    pub(super) fn failed(scenario: &Scenario, mut tally: Tally, problem: String) -> Self {
        tally.problems.push(problem);
        Self::of(scenario, tally)
    }

    pub(super) fn of(scenario: &Scenario, tally: Tally) -> Self {
        let Tally { expected, alerts, missed, problems, degraded, skipped } = tally;
        let holds = problems.is_empty();
        let (skipped, since) = skipped.map_or((None, scenario.since), |(reason, since)| (Some(reason), Some(since)));
        let accounted =
            (degraded && alerts != expected).then(|| format!("{missed} counted as missed, which this method does here"));
        Self {
            id: scenario.id,
            title: scenario.title,
            expected,
            alerts,
            missed: if degraded { missed } else { 0 },
            skipped,
            since: since.map(|(major, minor)| format!("{major}.{minor}")),
            holds,
            detail: if holds { accounted } else { Some(problems.join(" | ")) },
        }
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { id, title, expected, alerts, missed, skipped, since, holds, detail } = self;
        json!({
            "id": id, "title": title, "expected": expected, "alerts": alerts, "missed": missed, "skipped": skipped,
            "since": since, "holds": holds, "detail": detail,
        })
    }
}
