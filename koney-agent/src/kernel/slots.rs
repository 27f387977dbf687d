//! Which slots of the gate are in use: a slot is closed with the last armed key that falls into it.

use std::collections::BTreeMap;

use koney_common::TrapKey;

use super::gate::Gate;

/// Armed keys per slot, for either question that the gate answers.
#[derive(Debug, Default)]
pub(super) struct Slots {
    keys: BTreeMap<usize, usize>,
    inodes: BTreeMap<usize, usize>,
}

impl Slots {
    /// One more key is armed.
    pub(super) fn add(&mut self, key: TrapKey) {
        *self.keys.entry(key.slot()).or_default() += 1;
        *self.inodes.entry(key.inode_slot()).or_default() += 1;
    }

    /// One fewer.
    pub(super) fn remove(&mut self, key: TrapKey) {
        release(&mut self.keys, key.slot());
        release(&mut self.inodes, key.inode_slot());
    }

    /// Closes those of the key's slots into which no armed key falls.
    pub(super) fn close(&self, gate: &Gate, key: TrapKey) {
        if !self.inodes.contains_key(&key.inode_slot()) {
            gate.close_inode(key);
        }
        if !self.keys.contains_key(&key.slot()) {
            gate.close_key(key);
        }
    }
}

fn release(slots: &mut BTreeMap<usize, usize>, slot: usize) {
    let Some(count) = slots.get_mut(&slot) else { return };
    *count -= 1;
    if *count == 0 {
        slots.remove(&slot);
    }
}
