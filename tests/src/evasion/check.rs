//! What a scenario demands, and the tally of what came of it.

use koney_common::Counter;

use super::{
    compare::compare,
    told::Told,
    trial::Trial,
    want::{Trap, Want},
};

/// What has come of a scenario so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) expected: u64,
    pub(super) alerts: u64,
    pub(super) missed: u64,
    pub(super) problems: Vec<String>,
    /// More was to be expected than can be told exactly: the method misses, and says how often.
    pub(super) degraded: bool,
    /// Why it was not played in the end, and the first kernel on which it can be.
    pub(super) skipped: Option<(String, (u32, u32))>,
}

impl Trial {
    /// The trap must be in this state.
    pub fn state(&mut self, trap: &Trap, expected: &str) {
        let state = self.scene().state(&trap.place, &trap.path);
        if state != expected {
            self.wrong(format!("{} is {state}, not {expected}", trap.path));
        }
    }

    /// The trap must be in one of these states.
    pub fn state_among(&mut self, trap: &Trap, expected: &[&str]) {
        let state = self.scene().state(&trap.place, &trap.path);
        if !expected.contains(&state.as_str()) {
            self.wrong(format!("{} is {state}, not {}", trap.path, expected.join(" or ")));
        }
    }

    /// The kernel must have had room for everything since the start.
    pub fn nothing_dropped(&mut self) {
        let dropped = self.scene().counts().get(Counter::Dropped) - self.dropped_before;
        if dropped > 0 {
            self.wrong(format!("{dropped} records were dropped"));
        }
    }

    /// Something is not as it should be.
    pub fn wrong(&mut self, problem: impl Into<String>) {
        self.tally.problems.push(problem.into());
    }

    /// Exactly these must have been told since the last look.
    pub async fn expect(&mut self, what: &str, wants: impl IntoIterator<Item = Want>) {
        let told = self.scene().told().await;
        self.compare(what, wants, told);
    }

    /// Nothing may have been told since the last look.
    pub async fn quiet(&mut self, what: &str) {
        self.expect(what, []).await;
    }

    /// Exactly these must be what was told.
    pub fn compare(&mut self, what: &str, wants: impl IntoIterator<Item = Want>, told: Vec<Told>) {
        let wants: Vec<_> = wants.into_iter().collect();
        let wants = if self.ebpf() { wants } else { wants.into_iter().filter_map(Want::in_fanotify).collect() };
        self.tally.alerts += told.len() as u64;
        let (expected, problems) = compare(&wants, told, !self.ebpf());
        self.tally.expected += expected;
        self.tally.problems.extend(problems.into_iter().map(|problem| format!("{what}: {problem}")));
    }

    /// So many accesses were caused, and so many were told of. Where the method misses, what it counts as missed may make up for the rest.
    pub fn account(&mut self, what: &str, caused: u64, told: u64, missed: u64) {
        self.tally.expected += caused;
        self.tally.alerts += told;
        self.tally.degraded |= self.misses();
        let fits = if self.misses() { told <= caused && caused <= told + missed } else { told == caused };
        if !fits {
            self.wrong(format!("{what}: {told} of {caused} accesses were told, {missed} counted as missed"));
        }
    }
}
