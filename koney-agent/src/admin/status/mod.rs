//! All that there is to see of one agent at one moment: what `koney-agent status` prints, and what the page shows.
//!
//! Made in one place, read by three: the table, JSON, the page. As JSON it is one object whose names are those of the fields here; times are
//! RFC 3339 in UTC, and what is not known is left out.

mod attention;
mod grid;
mod key;
mod model;
mod page;
mod page_tables;
mod table;
mod words;

#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;

pub use attention::{Attention, Level};
pub use key::Key;
pub use model::{
    Access, Agent, Container, Detection, Hook, Loss, Refused, Resource, STDOUT, Sink, SinkState, Status, Step, Trap, VERSION,
};
pub(super) use page::{content_security_policy, page};
pub use table::Chosen;

impl Status {
    /// Says what a person should look at: for when everything else is known.
    #[must_use]
    pub fn judged(mut self) -> Self {
        self.attention = attention::of(&self);
        self
    }

    /// Something has to be mended.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        self.attention.iter().any(|attention| attention.level == Level::Problem)
    }

    /// How many traps there are of each state, the worst first.
    #[must_use]
    pub fn traps_by_state(&self) -> Vec<(&str, usize)> {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for trap in self.traps_worst_first() {
            match counts.last_mut() {
                Some((state, count)) if *state == trap.state => *count += 1,
                _ => counts.push((&trap.state, 1)),
            }
        }
        counts
    }

    /// The traps in the order in which a person wants them: what is not watched, then what was touched last.
    #[must_use]
    pub fn traps_worst_first(&self) -> Vec<&Trap> {
        let mut traps: Vec<_> = self.traps.iter().collect();
        traps.sort_by_key(|trap| (trap.watched, trap.remedy.is_none(), trap.state.as_str(), std::cmp::Reverse(trap.last_access)));
        traps
    }

    /// The sinks with those first that a person has to look at.
    #[must_use]
    pub fn sinks_worst_first(&self) -> Vec<&Sink> {
        let mut sinks: Vec<_> = self.sinks.iter().collect();
        sinks.sort_by_key(|sink| !sink.state.is_wrong());
        sinks
    }

    /// For whoever may not know the decoys: states and numbers, no path, no pod, no process, and no word of others.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.accesses.clear();
        self.resources.clear();
        self.attention.clear();
        self.detection.refused.clear();
        for trap in &mut self.traps {
            let Trap { state, watched, .. } = trap;
            *trap = Trap {
                policies: Vec::new(),
                path: String::new(),
                container: None,
                state: std::mem::take(state),
                watched: *watched,
                reason: None,
                remedy: None,
                accesses: 0,
                last_access: None,
            };
        }
        for sink in &mut self.sinks {
            (sink.error, sink.volatile) = (None, None);
        }
        self
    }
}
