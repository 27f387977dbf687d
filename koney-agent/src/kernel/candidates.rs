//! Files with a decoy's name that the programs have armed on the spot: what the agent decides about them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use aya::maps::{HashMap, MapData, MapError};
use koney_common::{
    TrapKey,
    name::{self, Candidate, NegativeKey},
};
use tracing::{debug, warn};

use super::{
    arm::Armory,
    pod::{Key, Refused, Undecided},
};

/// The candidates and the refusals.
pub struct Candidates {
    undecided: HashMap<MapData, Key, Undecided>,
    refused: HashMap<MapData, Refused, u64>,
    armory: Arc<Armory>,
    /// Keys whose gate slots the programs have opened, as far as they were seen at the last sweep.
    swept: HashSet<TrapKey>,
}

impl Candidates {
    pub(super) fn new(
        undecided: HashMap<MapData, Key, Undecided>,
        refused: HashMap<MapData, Refused, u64>,
        armory: Arc<Armory>,
    ) -> Self {
        Self { undecided, refused, armory, swept: HashSet::new() }
    }

    /// "In this cgroup, that file is no trap." A refusal that is lost costs a question, never an access: what is armed is asked first.
    pub fn refuse(&mut self, cgroup: u64, file: TrapKey) {
        if let Err(error) = self.refused.insert(Refused(NegativeKey { cgroup, file }), 1, 0) {
            debug!(%error, "a refusal cannot be entered; the file is asked about again");
        }
        self.settle(file);
    }

    /// Decided: the file is the trap's. A candidate that cannot be entered keeps watch as one.
    pub fn promote(&mut self, trap: u32, file: TrapKey) {
        match self.armory.adopt(trap, file) {
            Ok(()) => self.settle(file),
            Err(error) => warn!(%error, "a file that is a decoy's cannot be armed; it is watched while there is room"),
        }
    }

    /// Decided: the file is no candidate any more.
    pub fn settle(&mut self, file: TrapKey) {
        if let Err(error) = self.undecided.remove(&Key(file)) {
            debug!(%error, "the candidate was gone already");
        }
        self.swept.insert(file);
    }

    /// What is refused for one cgroup or another may be a trap now: policies have changed, or a directory was moved.
    pub fn forget_refusals(&mut self) -> Result<(), MapError> {
        let known: Vec<_> = self.refused.keys().take(2 * name::NEGATIVES).filter_map(Result::ok).collect();
        for key in known {
            // Gone already is gone.
            let _removed = self.refused.remove(&key);
        }
        Ok(())
    }

    /// Everything that nobody has decided about.
    pub fn read(&self) -> Result<BTreeMap<TrapKey, Candidate>, MapError> {
        let mut found = BTreeMap::new();
        for entry in self.undecided.iter().take(2 * name::CANDIDATES) {
            match entry {
                Ok((key, candidate)) => drop(found.insert(key.0, candidate.0)),
                Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Closes the gate's slots of candidates that are none any more, and notes the others.
    pub fn sweep(&mut self) -> Result<(), MapError> {
        let now: HashSet<_> = self.read()?.into_keys().collect();
        let gone: Vec<_> = self.swept.difference(&now).copied().collect();
        if !gone.is_empty() {
            self.armory.close_unless(&gone, || self.undecided.keys().filter_map(Result::ok).map(|key| key.0).collect());
        }
        self.swept = now;
        Ok(())
    }
}
