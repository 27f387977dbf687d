//! The traps: which are wanted, which keys each holds, and whose an observation is.
//!
//! A trap is a path; several policies may want the same one. What was armed at a path stays armed when it is moved away or replaced,
//! for as long as the trap is wanted: a decoy does not stop being one by being renamed.

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

use super::{
    keys::{Keys, Match},
    state::State,
};
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
    /// Keys that some trap has let go of.
    released: BTreeSet<TrapKey>,
}

#[derive(Debug)]
struct Trap {
    number: u32,
    policies: BTreeSet<Arc<str>>,
    state: State,
    keys: Keys,
}

impl Table {
    /// Makes the wanted traps the traps of the table.
    pub fn want(&mut self, wanted: impl IntoIterator<Item = Wanted>) {
        let mut by_path: BTreeMap<String, BTreeSet<Arc<str>>> = BTreeMap::new();
        for Wanted { policy, file_path } in wanted {
            by_path.entry(file_path).or_default().insert(policy.into());
        }
        let gone: Vec<_> = self.traps.keys().filter(|path| !by_path.contains_key(path.as_ref())).cloned().collect();
        for path in gone {
            if let Some(trap) = self.traps.remove(&path) {
                info!(path = %path.escape_debug(), "trap removed");
                self.numbers.remove(&trap.number);
                self.release(&path, trap.keys.all());
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
            self.traps.insert(path, Trap { number, policies, state: State::Pending, keys: Keys::default() });
        }
    }

    /// What is to be looked at now: everything, for a decoy may have been replaced since. New traps first, those that hang last.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let mut traps: Vec<_> = self.traps.iter().collect();
        traps.sort_by_key(|(_, trap)| trap.state.urgency());
        let job = |(path, trap): (&Arc<str>, &Trap)| Job {
            trap: trap.number,
            path: PathBuf::from(path.as_ref()),
            known: trap.keys.current().cloned(),
        };
        traps.into_iter().map(job).collect()
    }

    /// Takes in what came of a job.
    pub fn settle(&mut self, job: &Job, outcome: Outcome) {
        let Some(path) = self.numbers.get(&job.trap).cloned() else {
            // Removed while it was being armed.
            self.released.extend(outcome.iter().flat_map(|armed| armed.keys.iter().map(|armed| armed.key)));
            return;
        };
        let Some(trap) = self.traps.get_mut(&path) else { return };
        let state = match &outcome {
            Ok(_) => State::Armed,
            Err(error) => State::of(error),
        };
        if trap.state != state {
            report(&path, &trap.policies, &state);
            trap.state = state;
        }
        let dropped = match outcome {
            Ok(armed) => {
                if trap.keys.current().is_some_and(|before| before.keys != armed.keys) {
                    info!(path = %path.escape_debug(), "another file is at the trap's path; it is armed too");
                }
                for armed in &armed.keys {
                    self.holders.entry(armed.key).or_default().insert(Arc::clone(&path));
                }
                trap.keys.replace(armed)
            }
            Err(_) if trap.state == State::Missing => trap.keys.move_away(),
            // Whatever hinders the look at the file does not make it another file.
            Err(_) => Vec::new(),
        };
        self.release(&path, dropped);
    }

    /// Keys that were let go of and that nobody holds now: to be disarmed.
    #[must_use]
    pub fn orphaned(&mut self) -> Vec<TrapKey> {
        let released = std::mem::take(&mut self.released);
        released.into_iter().filter(|key| !self.holders.contains_key(key)).collect()
    }

    /// Whose access it was. By key where the key is known; by the kernel's trap number for an access that came before its key was.
    ///
    /// A file that merely has the inode number of a decoy that was moved away and deleted is nobody's; its key is let go of.
    pub fn hits(&mut self, key: TrapKey, generation: Option<u32>, number: u32) -> Vec<Hit> {
        let Some(paths) = self.holders.get(&key).cloned() else {
            let path = self.numbers.get(&number).cloned();
            if path.is_none() {
                self.released.insert(key);
            }
            return path.into_iter().flat_map(|path| self.hits_of(&path)).collect();
        };
        let mut hits = Vec::new();
        for path in paths {
            match self.traps.get(&path).map_or(Match::Stranger, |trap| trap.keys.matches(key, generation)) {
                Match::Trap => hits.extend(self.hits_of(&path)),
                Match::Stranger => {
                    if let Some(trap) = self.traps.get_mut(&path) {
                        trap.keys.forget(key);
                    }
                    self.release(&path, vec![key]);
                }
            }
        }
        hits
    }

    /// Armed traps, and all.
    #[must_use]
    pub fn armed_of(&self) -> (usize, usize) {
        (self.traps.values().filter(|trap| trap.state == State::Armed).count(), self.traps.len())
    }

    fn hits_of(&self, path: &Arc<str>) -> Vec<Hit> {
        let policies = self.traps.get(path).into_iter().flat_map(|trap| &trap.policies);
        policies.map(|policy| Hit { policy: Arc::clone(policy), file_path: Arc::clone(path) }).collect()
    }

    /// Not a number in use, and none that was in use lately: they come round after four billion traps.
    fn next_number(&mut self) -> u32 {
        loop {
            self.last_number = self.last_number.wrapping_add(1);
            if ![CANARY_TRAP, NO_TRAP].contains(&self.last_number) && !self.numbers.contains_key(&self.last_number) {
                return self.last_number;
            }
        }
    }

    fn release(&mut self, path: &Arc<str>, keys: Vec<TrapKey>) {
        for key in keys {
            let Some(holders) = self.holders.get_mut(&key) else { continue };
            holders.remove(path);
            if holders.is_empty() {
                self.holders.remove(&key);
                self.released.insert(key);
            }
        }
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
