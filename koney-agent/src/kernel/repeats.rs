//! What the programs counted instead of recording it.

use std::collections::BTreeMap;

use aya::maps::{HashMap, MapData, MapError};
use koney_common::{Repeats, RepeatsKey, throttle::REPEATS_ENTRIES};

use super::pod::{Repeated, RepeatsOf};

/// The counts, one per process, file and access mode.
pub struct RepeatsTable(HashMap<MapData, RepeatsOf, Repeated>);

impl RepeatsTable {
    pub(super) const fn new(map: HashMap<MapData, RepeatsOf, Repeated>) -> Self {
        Self(map)
    }

    /// Everything there is. An entry that goes away meanwhile is left out.
    pub fn read(&self) -> Result<BTreeMap<RepeatsKey, Repeats>, MapError> {
        let mut found = BTreeMap::new();
        // Bounded: where the key it stands at is removed, the kernel begins anew (`htab_map_get_next_key`, `kernel/bpf/hashtab.c`).
        for entry in self.0.iter().take(2 * REPEATS_ENTRIES) {
            match entry {
                Ok((key, repeats)) => drop(found.insert(key.0, repeats.0)),
                Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Ends the counting for a key and gives the last count: the process's next access is a first one again.
    pub fn close(&mut self, key: &RepeatsKey) -> Option<Repeats> {
        // Not in one step before 5.14 (LRU maps have no lookup-and-delete): a repeat between the two is in the totals only.
        let last = self.0.get(&RepeatsOf(*key), 0).ok();
        if let Err(error) = self.0.remove(&RepeatsOf(*key)) {
            tracing::debug!(%error, "the count was gone already");
        }
        last.map(|repeats| repeats.0)
    }
}
