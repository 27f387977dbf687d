//! The names by which the programs know a decoy that nobody has armed yet.

use std::collections::{BTreeMap, BTreeSet};

use aya::maps::{HashMap, MapData, MapError};
use koney_common::NameKey;
use tracing::warn;

use super::{
    gate::{Gate, Slot},
    pod::Name,
};

/// The table of names, and the gate's bytes for them.
pub(super) struct Names {
    table: HashMap<MapData, Name, u32>,
    known: BTreeSet<NameKey>,
    /// Names per gate slot: a slot is closed with its last name.
    slots: BTreeMap<Slot, usize>,
}

impl Names {
    pub(super) const fn new(table: HashMap<MapData, Name, u32>) -> Self {
        Self { table, known: BTreeSet::new(), slots: BTreeMap::new() }
    }

    /// Makes these the names; the table first, so that what the gate lets through finds its answer.
    pub(super) fn set(&mut self, gate: &Gate, wanted: &BTreeSet<NameKey>) -> Result<(), MapError> {
        for name in wanted.difference(&self.known.clone()) {
            self.table.insert(Name(*name), 1, 0)?;
            self.known.insert(*name);
            for slot in Slot::of_name(name) {
                *self.slots.entry(slot).or_default() += 1;
                gate.open(slot);
            }
        }
        for name in self.known.clone().difference(wanted) {
            self.known.remove(name);
            for slot in Slot::of_name(name) {
                let left = self.slots.entry(slot).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.slots.remove(&slot);
                    gate.close(slot);
                }
            }
            if let Err(error) = self.table.remove(&Name(*name)) {
                warn!(%error, "a decoy's name cannot be taken out of the kernel; its opens cost a little more");
            }
        }
        Ok(())
    }
}
