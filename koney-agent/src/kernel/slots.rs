//! Which slots of the gate are in use: a slot is closed with the last armed key that falls into it.

use std::collections::HashMap;

use koney_common::TrapKey;

use super::gate::{Gate, Slot};

/// Armed keys per slot.
#[derive(Debug, Default)]
pub(super) struct Slots {
    keys: HashMap<Slot, u32>,
    closed: u64,
}

impl Slots {
    /// One more key is armed.
    pub(super) fn add(&mut self, key: TrapKey) {
        for slot in Slot::of_key(key) {
            *self.keys.entry(slot).or_default() += 1;
        }
    }

    /// One fewer.
    pub(super) fn remove(&mut self, key: TrapKey) {
        for slot in Slot::of_key(key) {
            let Some(count) = self.keys.get_mut(&slot) else { continue };
            *count -= 1;
            if *count == 0 {
                self.keys.remove(&slot);
            }
        }
    }

    /// Closes those of the key's slots into which no armed key falls.
    pub(super) fn close(&mut self, gate: &Gate, key: TrapKey) {
        for slot in Slot::of_key(key) {
            if !self.keys.contains_key(&slot) {
                self.closed += 1;
                gate.close(slot);
            }
        }
    }

    /// How many slots were closed so far: while it stays, what the programs have opened is open.
    pub(super) const fn closed(&self) -> u64 {
        self.closed
    }
}
