//! The traps: which are wanted, which keys each holds, and whose an observation is.
//!
//! A trap is a path in a place; several policies may want the same one. What was armed at a path stays armed when it is moved away or replaced,
//! for as long as the trap is wanted: a decoy does not stop being one by being renamed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use koney_common::{
    NameKey, TrapKey,
    identity::{CANARY_TRAP, NO_TRAP, UNDECIDED_TRAP},
};
use tracing::{info, warn};

use super::{
    keys::{Keys, Match},
    owner,
    place::{Accessor, Place},
    state::State,
    surroundings::Surroundings,
};
use crate::{
    event::{Observation, Operation},
    kernel::{ArmedKey, Fresh, Job, Outcome, Root},
};

/// Strangers remembered.
const STRANGERS: usize = 1024;

/// One trap of one policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Where its path is looked up.
    pub place: Place,
    /// Name of the policy.
    pub policy: String,
    /// `filePath` as the policy writes it.
    pub file_path: String,
    /// The policy asks for attempts that the kernel denies.
    pub denied: bool,
}

/// An observation belongs to this trap of this policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Whose trap it is.
    pub place: Place,
    /// Name of the policy.
    pub policy: Arc<str>,
    /// `filePath` as the policy writes it.
    pub file_path: Arc<str>,
}

/// All traps of the node.
#[derive(Debug, Default)]
pub struct Table {
    pub(super) traps: BTreeMap<At, Trap>,
    /// Which traps hold a key: hard links and bind mounts make one file of several paths, an image's layer one of several containers'.
    pub(super) holders: HashMap<TrapKey, BTreeSet<At>>,
    pub(super) numbers: HashMap<u32, At>,
    /// Keys that some trap has let go of.
    released: BTreeSet<TrapKey>,
    /// Files that were given the inode number of a decoy that is gone, until the number is a decoy's again.
    strangers: BTreeSet<(TrapKey, Option<u32>)>,
    /// What may become of traps that nobody has yet; `None` where there are no containers to get any.
    pub(super) surroundings: Option<Surroundings>,
    /// A trap is new, or may be, since [`Self::has_grown`] was asked.
    pub(super) grown: bool,
    /// The kernel's keys of root directories.
    roots: HashMap<Root, TrapKey>,
    /// Files that are watched for the first time: who has them open already is asked once.
    fresh: Vec<Fresh>,
    /// Looks at all decoys that were begun, and those that are over.
    rounds: (u64, u64),
}

/// A path in a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct At {
    pub(super) place: Place,
    pub(super) path: Arc<str>,
}

#[derive(Debug)]
pub(super) struct Trap {
    pub(super) number: u32,
    /// Each with whether it asks for denied attempts.
    pub(super) policies: BTreeMap<Arc<str>, bool>,
    pub(super) state: State,
    pub(super) keys: Keys,
    /// Its path without symbolic links, as it was last found.
    pub(super) canonical: Option<String>,
    /// Since when nothing is known to live at its place.
    pub(super) left: Option<Instant>,
}

impl Trap {
    /// A trap in a sandbox is never looked at.
    fn confine(&mut self, at: &At) {
        let sandboxed = matches!(&at.place, Place::Container(container) if container.sandboxed);
        if sandboxed && self.state == State::Pending {
            self.state = State::Sandboxed;
            report(at, &self.policies, &self.state);
        } else if !sandboxed && self.state == State::Sandboxed {
            self.state = State::Pending;
        }
    }
}

impl Table {
    /// Makes the wanted traps the traps of the table.
    pub fn want(&mut self, wanted: impl IntoIterator<Item = Wanted>) {
        let mut all: BTreeMap<At, BTreeMap<Arc<str>, bool>> = BTreeMap::new();
        for Wanted { place, policy, file_path, denied } in wanted {
            *all.entry(At { place, path: file_path.into() }).or_default().entry(policy.into()).or_default() |= denied;
        }
        self.follow(all.keys());
        self.let_go();
        let gone: Vec<_> = self.traps.keys().filter(|at| !all.contains_key(*at)).cloned().collect();
        for at in gone {
            if let Some(trap) = self.traps.remove(&at) {
                info!(path = %at.path.escape_debug(), container = at.place.container_id(), "trap removed");
                self.numbers.remove(&trap.number);
                self.release(&at, trap.keys.all());
            }
        }
        let places: BTreeSet<_> = all.keys().filter_map(|at| at.place.root()).collect();
        self.roots.retain(|root, _| places.contains(root));
        for (at, policies) in all {
            if let Some(trap) = self.traps.get_mut(&at) {
                trap.policies = policies;
                trap.confine(&at);
                continue;
            }
            self.grown = true;
            let number = self.number_of(&at);
            self.numbers.insert(number, at.clone());
            let mut trap = Trap { number, policies, state: State::Pending, keys: Keys::default(), canonical: None, left: None };
            trap.confine(&at);
            self.traps.insert(at, trap);
        }
    }

    /// The last components of all paths: the names by which the kernel knows what is not armed yet.
    #[must_use]
    pub fn names(&self) -> BTreeSet<NameKey> {
        let paths = self.traps.iter().flat_map(|(at, trap)| [Some(at.path.as_ref()), trap.canonical.as_deref()]);
        let possible = self.surroundings.iter().flat_map(|around| &around.possible).map(|trap| Some(trap.file_path.as_ref()));
        let paths = paths.chain(possible);
        paths.flatten().filter_map(|path| NameKey::new(last(path).as_bytes())).collect()
    }

    /// What is to be looked at now: everything, for a decoy may have been replaced since. New traps first, those that hang last.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let mut traps: Vec<_> = self.traps.iter().collect();
        traps.sort_by_key(|(_, trap)| trap.state.urgency());
        traps.into_iter().filter_map(|(at, trap)| job(at, trap)).collect()
    }

    /// A look at all decoys begins; what is touched from here on waits for the next one.
    pub fn begin_round(&mut self) -> u64 {
        self.rounds.0 += 1;
        self.rounds.0
    }

    /// That look is over, and what came of it was settled.
    pub fn end_round(&mut self, round: u64) {
        self.rounds.1 = self.rounds.1.max(round);
    }

    /// The look that begins next.
    pub(super) const fn next_round(&self) -> u64 {
        self.rounds.0 + 1
    }

    /// The latest look that is over.
    pub(super) const fn rounds_over(&self) -> u64 {
        self.rounds.1
    }

    /// Notes the kernel's key of a root directory.
    pub fn know_root(&mut self, root: Root, key: TrapKey) {
        self.roots.insert(root, key);
    }

    /// The accessor's root directory is that of the place. Of a container that nobody could look into, its own processes are believed.
    pub(super) fn is_root(&self, place: &Place, seen: &Observation) -> bool {
        match place.root().and_then(|root| self.roots.get(&root)) {
            Some(known) => seen.root == Some(*known),
            None => *place != Place::Host && place.is_of(&Accessor::of(&seen.subject)),
        }
    }

    /// There are traps that the accessor may touch by their names.
    #[must_use]
    pub fn concerns(&self, accessor: &Accessor) -> bool {
        *accessor == Accessor::Host && !self.traps.is_empty()
            || self.traps.keys().any(|at| at.place == Place::Host || at.place.is_of(accessor))
    }

    /// Takes in what came of a job.
    pub fn settle(&mut self, job: &Job, outcome: Outcome) {
        let Some(at) = self.numbers.get(&job.trap).cloned() else {
            // Removed while it was being armed.
            self.released.extend(outcome.iter().flat_map(|armed| armed.keys.iter().map(|armed| armed.key)));
            return;
        };
        let Some(trap) = self.traps.get_mut(&at) else { return };
        let state = match &outcome {
            Ok(armed) if trap.keys.is_another(armed) => State::Replaced,
            Ok(_) => State::Armed,
            Err(error) => State::of(error),
        };
        // One that was missing before was made, and is held, under the programs' eyes.
        if let (State::Pending, Ok(armed)) = (&trap.state, &outcome) {
            let first = armed.keys.first().map(|first| Fresh { trap: trap.number, key: first.key, stamp: armed.stamp });
            self.fresh.extend(first);
        }
        if trap.state != state {
            report(&at, &trap.policies, &state);
            trap.state = state;
        }
        let dropped = match outcome {
            Ok(armed) => {
                trap.canonical = armed.canonical.as_deref().and_then(|path| path.to_str()).map(str::to_owned);
                for armed in &armed.keys {
                    self.strangers.remove(&(armed.key, Some(armed.generation)));
                    self.holders.entry(armed.key).or_default().insert(at.clone());
                }
                trap.keys.replace(armed)
            }
            Err(_) if trap.state == State::Missing => trap.keys.move_away(),
            // Whatever hinders the look at the file does not make it another file.
            Err(_) => Vec::new(),
        };
        self.release(&at, dropped);
    }

    /// Files that are watched for the first time since the last call.
    pub fn fresh(&mut self) -> Vec<Fresh> {
        std::mem::take(&mut self.fresh)
    }

    /// Keys that were let go of and that nobody holds now: to be disarmed.
    #[must_use]
    pub fn orphaned(&mut self) -> Vec<TrapKey> {
        let released = std::mem::take(&mut self.released);
        released.into_iter().filter(|key| !self.holders.contains_key(key)).collect()
    }

    /// Whose the touch of an armed file was. By key where the key is known; by the kernel's trap number for one that came before its
    /// key was.
    ///
    /// A file that merely has the inode number of a decoy that was moved away and deleted is nobody's; its key is let go of.
    pub fn hits(&mut self, seen: &Observation) -> Vec<Hit> {
        let key = seen.key;
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

    /// Every trap that has the file's key is of a container that has ended, and what was touched is none of theirs.
    #[must_use]
    pub fn is_anew(&self, seen: &Observation) -> bool {
        let accessor = Accessor::of(&seen.subject);
        self.holders.get(&seen.key).is_some_and(|holders| holders.iter().all(|at| owner::has_ended(at, &accessor)))
    }

    /// A file that was no trap's turned out to be these: it stays theirs wherever it is moved. Gives the number of one.
    ///
    /// May be asked again.
    pub fn adopt(&mut self, seen: &Observation, hits: &[Hit]) -> Option<u32> {
        let mut number = None;
        for hit in hits.iter().filter(|_| seen.key != TrapKey::default()) {
            let at = At { place: hit.place.clone(), path: Arc::clone(&hit.file_path) };
            let Some(trap) = self.traps.get_mut(&at) else { continue };
            number = Some(trap.number);
            let dropped = trap.keys.adopt(ArmedKey { key: seen.key, generation: seen.generation.unwrap_or(0) });
            self.holders.entry(seen.key).or_default().insert(at.clone());
            self.release(&at, dropped);
        }
        number
    }

    /// Some trap holds the key.
    #[must_use]
    pub fn holds(&self, key: TrapKey) -> bool {
        self.holders.contains_key(&key)
    }

    /// Armed traps, and all where something lives.
    #[must_use]
    pub fn armed_of(&self) -> (usize, usize) {
        let alive = || self.traps.iter().filter(|(at, _)| at.place.root().is_some());
        (alive().filter(|(_, trap)| trap.state.is_watched()).count(), alive().count())
    }

    /// Every trap with its state.
    pub fn states(&self) -> impl Iterator<Item = (&Place, &str, &State)> {
        self.traps.iter().map(|(at, trap)| (&at.place, at.path.as_ref(), &trap.state))
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

    /// Some policy asks for attempts that the kernel denies.
    #[must_use]
    pub fn wants_denied(&self) -> bool {
        self.traps.values().any(|trap| trap.policies.values().any(|denied| *denied))
    }

    /// Made of place and path, so that records of an earlier agent's programs are those of the same trap. Two that come to the same number are
    /// told apart in the order in which they came.
    fn number_of(&self, at: &At) -> u32 {
        let container = at.place.container_id().unwrap_or_default();
        let text = container.bytes().chain([0]).chain(at.path.bytes());
        // FNV-1a, folded to 32 bits.
        let hash = text.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let (high, low) = (hash >> 32, hash & u64::from(u32::MAX));
        let mut number = u32::try_from(high ^ low).unwrap_or_default();
        while [CANARY_TRAP, NO_TRAP, UNDECIDED_TRAP].contains(&number) || self.numbers.contains_key(&number) {
            number = number.wrapping_add(1);
        }
        number
    }

    pub(super) fn release(&mut self, at: &At, keys: Vec<TrapKey>) {
        for key in keys {
            let Some(holders) = self.holders.get_mut(&key) else { continue };
            holders.remove(at);
            if holders.is_empty() {
                self.holders.remove(&key);
                self.released.insert(key);
            }
        }
    }
}

fn job(at: &At, trap: &Trap) -> Option<Job> {
    let (path, known) = (PathBuf::from(at.path.as_ref()), trap.keys.current().cloned());
    Some(Job { trap: trap.number, root: at.place.root()?, path, known })
}

/// The last component of a path; trailing slashes are not its.
pub(super) fn last(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

fn report(at: &At, policies: &BTreeMap<Arc<str>, bool>, state: &State) {
    let policies = policies.keys().map(|policy| policy.escape_debug().to_string()).collect::<Vec<_>>().join(",");
    let path = at.path.escape_debug();
    let container = at.place.container_id();
    match state {
        State::Armed | State::Pending => info!(%path, container, policies, %state, "trap"),
        _ => warn!(%path, container, policies, %state, remedy = state.remedy(), "trap"),
    }
}
