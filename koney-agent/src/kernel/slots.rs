//! Which slots of the gate are in use: a slot is closed with the last armed key that falls into it.

use std::collections::HashMap;

use koney_common::TrapKey;

use super::gate::{Gate, KeySlot};

/// Armed keys per slot.
#[derive(Debug, Default)]
pub(super) struct Slots(HashMap<KeySlot, u32>);

impl Slots {
    /// One more key is armed.
    pub(super) fn add(&mut self, key: TrapKey) {
        for slot in KeySlot::of(key) {
            *self.0.entry(slot).or_default() += 1;
        }
    }

    /// One fewer.
    pub(super) fn remove(&mut self, key: TrapKey) {
        for slot in KeySlot::of(key) {
            let Some(count) = self.0.get_mut(&slot) else { continue };
            *count -= 1;
            if *count == 0 {
                self.0.remove(&slot);
            }
        }
    }

    /// Closes those of the key's slots into which no armed key falls.
    pub(super) fn close(&self, gate: &Gate, key: TrapKey) {
        for slot in KeySlot::of(key) {
            if !self.0.contains_key(&slot) {
                gate.close(slot);
            }
        }
    }
}
