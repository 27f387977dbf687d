//! The traps: which are wanted, which keys each holds, and whose an observation is.
//!
//! A trap is a path; several policies may want the same one. A number is not given again for a long time, so a record that is still
//! on its way cannot be taken for another trap's.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
};

use koney_common::{
    TrapKey,
    identity::{CANARY_TRAP, NO_TRAP},
};
use tracing::{info, warn};

use super::state::State;
use crate::kernel::{Job, Outcome};

/// One trap of one policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Name of the policy.
    pub policy: String,
    /// `filePath` as the policy writes it.
    pub file_path: String,
}

/// An observation belongs to this trap of this policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Name of the policy.
    pub policy: Arc<str>,
    /// `filePath` as the policy writes it.
    pub file_path: Arc<str>,
}

/// All traps of the node.
#[derive(Debug, Default)]
pub struct Table {
    traps: BTreeMap<Arc<str>, Trap>,
    /// Which paths hold a key: hard links and bind mounts make one file of several paths.
    holders: HashMap<TrapKey, BTreeSet<Arc<str>>>,
    numbers: HashMap<u32, Arc<str>>,
    last_number: u32,
}

#[derive(Debug)]
struct Trap {
    number: u32,
    policies: BTreeSet<Arc<str>>,
    state: State,
    keys: Vec<TrapKey>,
}

impl Table {
    /// Makes the wanted traps the traps of the table; returns the keys that are in nobody's hands any more.
    pub fn want(&mut self, wanted: impl IntoIterator<Item = Wanted>) -> Vec<TrapKey> {
        let mut by_path: BTreeMap<String, BTreeSet<Arc<str>>> = BTreeMap::new();
        for Wanted { policy, file_path } in wanted {
            by_path.entry(file_path).or_default().insert(policy.into());
        }
        let gone: Vec<_> = self.traps.keys().filter(|path| !by_path.contains_key(path.as_ref())).cloned().collect();
        let mut loose = Vec::new();
        for path in gone {
            if let Some(trap) = self.traps.remove(&path) {
                info!(path = %path.escape_debug(), "trap removed");
                self.numbers.remove(&trap.number);
                loose.extend(self.release(&path, &trap.keys));
            }
        }
        for (path, policies) in by_path {
            if let Some(trap) = self.traps.get_mut(path.as_str()) {
                trap.policies = policies;
                continue;
            }
            let path: Arc<str> = path.into();
            let number = self.next_number();
            self.numbers.insert(number, Arc::clone(&path));
            self.traps.insert(path, Trap { number, policies, state: State::Pending, keys: Vec::new() });
        }
        loose
    }

    /// What is to be armed now: everything, for a decoy may have been replaced since.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        self.traps.iter().map(|(path, trap)| Job { trap: trap.number, path: PathBuf::from(path.as_ref()) }).collect()
    }

    /// Takes in what came of a job; returns the keys that are in nobody's hands any more.
    pub fn settle(&mut self, job: &Job, outcome: Outcome) -> Vec<TrapKey> {
        let Some(path) = self.numbers.get(&job.trap).cloned() else {
            // Removed while it was being armed: whatever was entered is nobody's.
            let keys = outcome.unwrap_or_default();
            return keys.into_iter().filter(|key| !self.holders.contains_key(key)).collect();
        };
        let (state, keys) = match outcome {
            Ok(keys) => (State::Armed, keys),
            Err(error) => (State::of(&error), Vec::new()),
        };
        let Some(trap) = self.traps.get_mut(&path) else { return Vec::new() };
        if trap.state == State::Unreachable && state == State::Unreachable {
            return Vec::new();
        }
        if trap.state != state {
            report(&path, &trap.policies, &state);
            trap.state = state.clone();
        }
        if state == State::Unreachable {
            // What was armed there stays armed: the file may be the same once its file system answers.
            return Vec::new();
        }
        let before = std::mem::replace(&mut trap.keys, keys.clone());
        for key in &keys {
            self.holders.entry(*key).or_default().insert(Arc::clone(&path));
        }
        let left: Vec<_> = before.into_iter().filter(|key| !keys.contains(key)).collect();
        self.release(&path, &left)
    }

    /// Whose access it was. By key where the key is known; by the kernel's trap number for an access that came before its key was.
    #[must_use]
    pub fn hits(&self, key: TrapKey, number: u32) -> Vec<Hit> {
        let by_key = self.holders.get(&key).into_iter().flatten();
        let mut paths: BTreeSet<_> = by_key.collect();
        if paths.is_empty() {
            paths.extend(self.numbers.get(&number));
        }
        let traps = paths.into_iter().filter_map(|path| Some((path, self.traps.get(path)?)));
        let hit = |path: &Arc<str>, policy: &Arc<str>| Hit { policy: Arc::clone(policy), file_path: Arc::clone(path) };
        traps.flat_map(|(path, trap)| trap.policies.iter().map(move |policy| hit(path, policy))).collect()
    }

    /// Number of traps by state, for the log.
    #[must_use]
    pub fn armed_of(&self) -> (usize, usize) {
        (self.traps.values().filter(|trap| trap.state == State::Armed).count(), self.traps.len())
    }

    /// Never a number in use, and none that was in use lately: they come round after four billion traps.
    fn next_number(&mut self) -> u32 {
        loop {
            self.last_number = self.last_number.wrapping_add(1);
            if ![CANARY_TRAP, NO_TRAP].contains(&self.last_number) && !self.numbers.contains_key(&self.last_number) {
                return self.last_number;
            }
        }
    }

    fn release(&mut self, path: &Arc<str>, keys: &[TrapKey]) -> Vec<TrapKey> {
        let mut loose = Vec::new();
        for key in keys {
            let Some(holders) = self.holders.get_mut(key) else { continue };
            holders.remove(path);
            if holders.is_empty() {
                self.holders.remove(key);
                loose.push(*key);
            }
        }
        loose
    }
}

fn report(path: &str, policies: &BTreeSet<Arc<str>>, state: &State) {
    let policies = policies.iter().map(|policy| policy.escape_debug().to_string()).collect::<Vec<_>>().join(",");
    let path = path.escape_debug();
    match state {
        State::Armed | State::Pending => info!(%path, policies, %state, "trap"),
        _ => warn!(%path, policies, %state, remedy = state.remedy(), "trap"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{ArmError, OpenError};

    const KEY: TrapKey = TrapKey::new(1, 42);

    fn wanted(policy: &str, file_path: &str) -> Wanted {
        Wanted { policy: policy.to_owned(), file_path: file_path.to_owned() }
    }

    fn table(traps: &[Wanted]) -> Table {
        let mut table = Table::default();
        assert_eq!(table.want(traps.iter().cloned()), []);
        table
    }

    fn settle_all(table: &mut Table, keys: &[TrapKey]) {
        for (job, key) in table.jobs().into_iter().zip(keys) {
            assert_eq!(table.settle(&job, Ok(vec![*key])), []);
        }
    }

    fn names(hits: &[Hit]) -> Vec<(&str, &str)> {
        hits.iter().map(|hit| (hit.policy.as_ref(), hit.file_path.as_ref())).collect()
    }

    #[test]
    fn two_policies_on_one_file_are_both_hit() {
        let mut table = table(&[wanted("a", "/run/token"), wanted("b", "/run/token"), wanted("b", "/run/link")]);
        settle_all(&mut table, &[KEY, KEY]);
        assert_eq!(names(&table.hits(KEY, 99)), [("b", "/run/link"), ("a", "/run/token"), ("b", "/run/token")]);
        assert_eq!(table.hits(TrapKey::new(2, 42), 99), [], "the same inode number on another device is a stranger");
    }

    #[test]
    fn an_access_that_overtakes_its_key_is_found_by_number() {
        let table = table(&[wanted("a", "/run/token")]);
        let number = table.jobs()[0].trap;
        assert_eq!(names(&table.hits(KEY, number)), [("a", "/run/token")]);
    }

    #[test]
    fn a_shared_key_is_given_up_with_its_last_path() {
        let mut table = table(&[wanted("a", "/one"), wanted("a", "/two")]);
        settle_all(&mut table, &[KEY, KEY]);
        assert_eq!(table.want([wanted("a", "/two")]), []);
        assert_eq!(table.want([]), [KEY]);
        assert_eq!(table.hits(KEY, 1), []);
    }

    #[test]
    fn a_replaced_decoy_gives_up_its_old_key_and_a_missing_one_too() {
        let mut table = table(&[wanted("a", "/one")]);
        let job = table.jobs().remove(0);
        settle_all(&mut table, &[KEY]);
        let new = TrapKey::new(1, 43);
        assert_eq!(table.settle(&job, Ok(vec![new])), [KEY]);
        assert_eq!(table.armed_of(), (1, 1));
        assert_eq!(table.settle(&job, Err(ArmError::Open(OpenError::Missing))), [new]);
        assert_eq!(table.armed_of(), (0, 1));
    }

    #[test]
    fn an_unreachable_trap_stays_armed() {
        let mut table = table(&[wanted("a", "/one")]);
        let job = table.jobs().remove(0);
        settle_all(&mut table, &[KEY]);
        assert_eq!(table.settle(&job, Err(ArmError::Unreachable)), []);
        assert_eq!(names(&table.hits(KEY, 1)), [("a", "/one")]);
    }

    #[test]
    fn a_trap_removed_while_it_was_armed_leaves_nothing() {
        let mut table = table(&[wanted("a", "/one")]);
        let job = table.jobs().remove(0);
        table.want([]);
        assert_eq!(table.settle(&job, Ok(vec![KEY])), [KEY]);
    }
}
