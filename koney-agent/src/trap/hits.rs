//! Whose the touch of an armed file was.

use std::sync::Arc;

use super::{
    keys::Match,
    owner,
    place::Accessor,
    table::{At, Hit, Table},
};
use crate::event::{Observation, Operation};

/// Strangers remembered.
const STRANGERS: usize = 1024;

impl Table {
    /// Whose the touch of an armed file was. By key where the key is known; by the kernel's trap number for one that came before its
    /// key was.
    ///
    /// A file that merely has the inode number of a decoy that was moved away and deleted is nobody's; its key is let go of.
    pub fn hits(&mut self, seen: &Observation) -> Vec<Hit> {
        let key = seen.key;
        if let Some(at) = self.only_holder(seen) {
            return self.hits_of(at, seen.operation);
        }
        let Some(holders) = self.holders.get(&key).cloned() else {
            let at = self.numbers.get(&seen.trap).filter(|_| !self.strangers.contains(&(key, seen.generation))).cloned();
            if at.is_none() {
                self.released.insert(key);
            }
            return at.into_iter().flat_map(|at| self.hits_of(&at, seen.operation)).collect();
        };
        let mut trapped = Vec::new();
        for at in holders {
            match self.traps.get(&at).map_or(Match::Stranger, |trap| trap.keys.matches(key, seen.generation)) {
                Match::Trap => {
                    if matches!(seen.operation, Operation::Unlink | Operation::Replace)
                        && let Some(trap) = self.traps.get_mut(&at)
                    {
                        trap.keys.doubt(key);
                    }
                    trapped.push(at);
                }
                Match::Stranger => {
                    if self.strangers.len() >= STRANGERS {
                        self.strangers.clear();
                    }
                    self.strangers.insert((key, seen.generation));
                    if let Some(trap) = self.traps.get_mut(&at) {
                        trap.keys.forget(key);
                    }
                    self.release(&at, vec![key]);
                }
            }
        }
        owner::of(&trapped, seen).into_iter().flat_map(|at| self.hits_of(at, seen.operation)).collect()
    }

    /// The one trap that has the file's key, where there is no more to ask: the usual case, without a copy.
    fn only_holder(&self, seen: &Observation) -> Option<&At> {
        let holders = self.holders.get(&seen.key)?;
        let at = holders.first().filter(|_| holders.len() == 1)?;
        let removes = matches!(seen.operation, Operation::Unlink | Operation::Replace);
        let is_trap = self.traps.get(at)?.keys.matches(seen.key, seen.generation) == Match::Trap;
        let usual = is_trap && !removes && !seen.nested && !owner::has_ended(at, Accessor::of(&seen.subject));
        usual.then_some(at)
    }

    /// Every trap that has the file's key is of a container that has ended, and what was touched is none of theirs.
    #[must_use]
    pub fn is_anew(&self, seen: &Observation) -> bool {
        let accessor = Accessor::of(&seen.subject);
        self.holders.get(&seen.key).is_some_and(|holders| holders.iter().all(|at| owner::has_ended(at, accessor)))
    }

    /// The policies of a trap that are to be told of the operation.
    pub(super) fn hits_of(&self, at: &At, operation: Operation) -> Vec<Hit> {
        let policies = self.traps.get(at).into_iter().flat_map(|trap| &trap.policies);
        let asking = policies.filter(|(_, denied)| **denied || operation != Operation::Denied);
        let hit = |(policy, _): (&Arc<str>, _)| Hit {
            place: at.place.clone(),
            policy: Arc::clone(policy),
            file_path: Arc::clone(&at.path),
        };
        asking.map(hit).collect()
    }
}
