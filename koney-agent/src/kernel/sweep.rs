//! What the programs kept in few words, for want of room or because one cgroup had had its share.

use aya::maps::{HashMap, MapData, MapError};
use koney_common::{
    Slot,
    name::{CROWDS, CrowdKey, Window},
    throttle::SLOTS,
};

use super::pod::{Crowd, CrowdOf, Kept};

/// The first touch of each trap while the ring was full.
pub struct Slots(HashMap<MapData, u32, Kept>);

impl Slots {
    pub(super) const fn new(map: HashMap<MapData, u32, Kept>) -> Self {
        Self(map)
    }

    /// Takes everything out. Call it after the ring was drained, for a slot is taken only once.
    pub fn take(&mut self) -> Result<Vec<(u32, Slot)>, MapError> {
        let traps: Vec<u32> = self.0.keys().take(2 * SLOTS).filter_map(Result::ok).collect();
        let mut taken = Vec::with_capacity(traps.len());
        for trap in traps {
            match self.0.get(&trap, 0) {
                Ok(slot) => taken.push((trap, slot.0)),
                Err(MapError::KeyNotFound) => continue,
                Err(error) => return Err(error),
            }
            // Gone already is gone.
            let _removed = self.0.remove(&trap);
        }
        Ok(taken)
    }
}

/// What was not recorded because a cgroup had had its share of records for a trap.
pub struct Crowds(HashMap<MapData, CrowdOf, Crowd>);

impl Crowds {
    pub(super) const fn new(map: HashMap<MapData, CrowdOf, Crowd>) -> Self {
        Self(map)
    }

    /// Every window there is; [`Window::folded`] only grows while the entry lives.
    pub fn read(&self) -> Result<Vec<(CrowdKey, Window)>, MapError> {
        let mut found = Vec::new();
        for entry in self.0.iter().take(2 * CROWDS) {
            match entry {
                Ok((key, window)) => found.push((key.0, window.0)),
                Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}
