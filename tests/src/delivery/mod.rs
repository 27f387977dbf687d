//! The path of an alert, from the ring to the receiver, with everything going wrong that can: seeded, in virtual time, without a thread.
//!
//! The queue is the real one, over a disk that is simulated: a kill leaves what was written, a power cut any part of what was not synced.
//! Ring and receiver are simulated too, and the loop between them is the shortest that keeps the agent's promises.

mod disk;
mod receiver;
mod ring;
mod run;

pub use run::{Outcome, access, run};

use serde::Serialize;

/// What many runs came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Runs.
    pub runs: u64,
    /// Agents that were killed, or lost power.
    pub crashes: u64,
    /// Accesses that were caused.
    pub caused: u64,
    /// Accesses that no receiver was told of, by itself or in a count.
    pub lost: u64,
    /// Alerts that a receiver was told again, where no crash fell between its answer and their removal.
    pub duplicated_without_crash: u64,
    /// Alerts that a receiver was told again otherwise.
    pub repeated: u64,
    /// Alerts whose repetition said something else.
    pub altered: u64,
}

impl Report {
    /// Adds one run.
    pub fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.crashes += outcome.crashes;
        self.caused += outcome.caused;
        self.lost += outcome.lost;
        self.duplicated_without_crash += outcome.duplicated_without_crash;
        self.repeated += outcome.repeated;
        self.altered += outcome.altered;
    }
}
