//! The last ids that were offered, so that a record which is read again after a crash is not counted twice.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Ids that are remembered. Far more than what the detector reads before it gives its place in the ring back.
pub(super) const REMEMBERED: usize = 4096;
const ID: usize = 16;

/// By batch: a transaction writes one value, however many ids it brings.
#[derive(Debug, Default)]
pub(super) struct Seen {
    batches: BTreeMap<u64, Vec<[u8; ID]>>,
    ids: HashSet<[u8; ID]>,
    /// Batches of which the disk has another version, or none, or still one.
    pub(super) dirty: BTreeSet<u64>,
}

impl Seen {
    pub(super) fn contains(&self, id: &[u8; ID]) -> bool {
        self.ids.contains(id)
    }

    /// Remembers the ids of one batch and forgets the oldest.
    pub(super) fn note(&mut self, ids: Vec<[u8; ID]>) {
        if ids.is_empty() {
            return;
        }
        self.ids.extend(&ids);
        let number = self.batches.last_key_value().map_or(0, |(number, _)| number + 1);
        self.batches.insert(number, ids);
        self.dirty.insert(number);
        while self.batches.len() > 1 {
            let Some((number, oldest)) = self.batches.first_key_value().map(|(number, ids)| (*number, ids.len())) else { return };
            if self.ids.len().saturating_sub(oldest) < REMEMBERED {
                return;
            }
            for id in self.batches.remove(&number).unwrap_or_default() {
                self.ids.remove(&id);
            }
            self.dirty.insert(number);
        }
    }

    /// What the disk is to have under this number.
    pub(super) fn encoded(&self, number: u64) -> Option<Vec<u8>> {
        self.batches.get(&number).map(|ids| ids.concat())
    }

    /// Takes in what the disk has; what is remembered already comes after it.
    pub(super) fn load(&mut self, on_disk: BTreeMap<u64, Vec<u8>>) {
        let newer = std::mem::take(self);
        for (number, ids) in on_disk {
            let ids: Vec<[u8; ID]> = ids.as_chunks().0.to_vec();
            self.ids.extend(&ids);
            self.batches.insert(number, ids);
        }
        for ids in newer.batches.into_values() {
            self.note(ids);
        }
    }

    /// The disk may have anything under any of these numbers.
    pub(super) fn rewrite(&mut self, on_disk: impl Iterator<Item = u64>) {
        self.dirty = self.batches.keys().copied().chain(on_disk).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> [u8; ID] {
        let mut id = [0; ID];
        id[..2].copy_from_slice(&number.to_le_bytes());
        id
    }

    #[test]
    fn the_oldest_are_forgotten_by_batches() {
        let mut seen = Seen::default();
        for batch in 0..50 {
            seen.note((batch * 100..(batch + 1) * 100).map(id).collect());
        }
        assert_eq!(seen.ids.len(), 4100);
        assert!(!seen.contains(&id(899)) && seen.contains(&id(900)) && seen.contains(&id(4999)));
        assert_eq!((seen.encoded(0), seen.encoded(49).map(|ids| ids.len())), (None, Some(1600)));
    }

    #[test]
    fn what_the_disk_has_comes_first() {
        let mut seen = Seen::default();
        seen.note(vec![id(7)]);
        seen.load(BTreeMap::from([(3, [id(1), id(2)].concat())]));
        assert!([1, 2, 7].iter().all(|number| seen.contains(&id(*number))));
        assert_eq!(seen.dirty, BTreeSet::from([4]));
    }
}
