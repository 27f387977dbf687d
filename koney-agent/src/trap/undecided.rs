//! Files with a decoy's name that nobody had armed: whose, if anyone's.
//!
//! The kernel has armed them on the spot and told what was done. Path and root directory decide at once where they can; else the
//! touch is held until the decoys of that name have been looked at, and decided by the file's key.

use std::time::{Duration, Instant};

use koney_common::TrapKey;

use super::{
    state::State,
    surroundings::is_same,
    table::{At, Hit, Table, last},
};
use crate::event::{Observation, PathKind};

/// The longest that a touch is held.
const PATIENCE: Duration = Duration::from_secs(5);
/// Touches held at a time; the oldest is decided early to make room.
const HELD: usize = 4096;

/// What came of a touch.
#[derive(Debug)]
pub enum Judgement {
    /// It was one of these traps.
    Hits(Vec<Hit>),
    /// It is decided after the next look at the decoys ([`Undecided::decide`]).
    Held,
    /// No trap was touched.
    Nobody,
}

/// A touch that was held, and what came of it.
#[derive(Debug)]
pub struct Decided {
    /// What was seen.
    pub seen: Observation,
    /// Whose trap it was; empty where it was none.
    pub hits: Vec<Hit>,
}

/// The touches that are held.
#[derive(Debug, Default)]
pub struct Undecided(Vec<Held>);

#[derive(Debug)]
struct Held {
    seen: Observation,
    since: Instant,
    /// The look at all decoys that has to be over.
    round: u64,
}

impl Undecided {
    /// Judges a touch of a file that was not armed as a trap. One that is held is kept here.
    pub fn judge(&mut self, table: &mut Table, seen: &Observation) -> Judgement {
        if table.holders.contains_key(&seen.key) && !table.is_anew(seen) {
            return Judgement::Hits(table.hits(seen));
        }
        let named = by_path(table, seen);
        if !named.is_empty() {
            let hits: Vec<_> = named.iter().flat_map(|at| table.hits_of(at, seen.operation)).collect();
            table.adopt(seen, &hits);
            return Judgement::Hits(hits);
        }
        let possible = table.surroundings().is_some_and(|around| !around.possible.is_empty());
        if seen.key == TrapKey::default() || (table.traps.is_empty() && !possible) {
            return Judgement::Nobody;
        }
        if self.0.len() >= HELD {
            return Judgement::Nobody;
        }
        self.0.push(Held { seen: seen.clone(), since: Instant::now(), round: table.next_round() });
        Judgement::Held
    }

    /// Some touch is held until its container is known.
    #[must_use]
    pub fn is_asking(&self, table: &Table) -> bool {
        self.0.iter().any(|held| !table.is_decided(&held.seen))
    }

    /// Some touch is held.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }

    /// Decides what can be decided now, after decoys were looked at; everything, where the agent is about to end (`all`).
    pub fn decide(&mut self, table: &mut Table, all: bool) -> Vec<Decided> {
        let mut decided = Vec::new();
        for held in std::mem::take(&mut self.0) {
            let known = table.is_decided(&held.seen);
            let over = all || held.since.elapsed() > PATIENCE || (known && table.rounds_over() >= held.round);
            let hits = if table.holders.contains_key(&held.seen.key) && !table.is_anew(&held.seen) {
                table.hits(&held.seen)
            } else if over && !known {
                table.surroundings().map(|around| around.at_path(&held.seen)).unwrap_or_default()
            } else if over {
                // The root directory may have been learnt only now.
                let mut at = by_path(table, &held.seen);
                at.extend(table.traps.keys().filter(|at| is_gone(table, at, &held.seen)).cloned());
                at.dedup();
                at.iter().flat_map(|at| table.hits_of(at, held.seen.operation)).collect()
            } else {
                self.0.push(held);
                continue;
            };
            // At once: what was done to the same file later, under another name, is decided by its key.
            table.adopt(&held.seen, &hits);
            decided.push(Decided { seen: held.seen, hits });
        }
        decided
    }
}

/// The traps at whose path, under whose root directory, the touch was.
///
/// A change whose hook knows no mount tells the end of its path only: for what leaves no file behind, that has to do.
fn by_path(table: &Table, seen: &Observation) -> Vec<At> {
    let Some(path) = seen.path.as_deref() else { return Vec::new() };
    let same = |at: &At, canonical: Option<&str>| match seen.path_kind {
        PathKind::Whole => (is_same(&at.path, path) || canonical == Some(path)) && table.is_root(&at.place, seen),
        PathKind::InFileSystem => seen.key == TrapKey::default() && at.path.ends_with(path),
        PathKind::Truncated | PathKind::Outside => false,
    };
    table.traps.iter().filter(|(at, trap)| same(at, trap.canonical.as_deref())).map(|(at, _)| at.clone()).collect()
}

/// The decoy is not there and the touch was at the end of its path: what was touched is gone, and was most likely it.
fn is_gone(table: &Table, at: &At, seen: &Observation) -> bool {
    let missing = table.traps.get(at).is_some_and(|trap| trap.state == State::Missing);
    let path = seen.path.as_deref().unwrap_or_default();
    let partial = seen.path_kind != PathKind::Whole || !table.is_root(&at.place, seen);
    missing && partial && last(path) == last(&at.path) && at.path.ends_with(path.trim_start_matches("..."))
}
