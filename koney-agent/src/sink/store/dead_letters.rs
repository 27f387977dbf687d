//! What becomes of dead letters.

use jiff::Timestamp;

use super::Store;
use super::dead::{DeadLetter, Grave};
use super::index::{Body, Entry, size};
use super::row::{Head, State};
use crate::alert::AlertId;

impl Store {
    /// Moves what the sink can never accept to the dead letters.
    pub fn bury(&mut self, id: &AlertId, reason: &str, now: Timestamp) {
        let Some(number) = self.index.number(&id.digest()) else { return };
        let Some(body) = self.index.get(number).and_then(|entry| self.body(number, entry)) else { return };
        let Some(entry) = self.index.remove(number) else { return };
        self.buried += 1;
        let grave = Grave::new(entry.head, now, reason, body);
        self.insert_dead(number, grave);
        self.commit(now);
    }

    /// The dead letters, oldest first, without their bodies.
    #[must_use]
    pub fn dead(&self) -> Vec<DeadLetter> {
        self.dead.iter().map(|(_, grave)| grave.letter(None)).collect()
    }

    /// One dead letter with its body.
    #[must_use]
    pub fn dead_letter(&self, id: &AlertId) -> Option<DeadLetter> {
        let number = self.dead.number(&id.digest())?;
        let grave = self.dead.get(number)?;
        Some(grave.letter(self.dead_body(number, grave)))
    }

    /// Has these dead letters sent once more. Returns how many there were.
    pub fn revive(&mut self, ids: &[AlertId], now: Timestamp) -> usize {
        let mut revived = 0;
        for id in ids {
            let Some(number) = self.dead.number(&id.digest()) else { continue };
            let Some(body) = self.dead.get(number).and_then(|grave| self.dead_body(number, grave)) else { continue };
            let Some(grave) = self.dead.remove(number) else { continue };
            let number = self.number();
            let length = body.len();
            let on_disk = self.has_room_on_disk(size(length));
            let head = Head { due: Timestamp::MIN, sealed: grave.head.state != State::Single, ..grave.head };
            self.index.insert(number, Entry::new(head, Body::Memory(body), length, on_disk));
            revived += 1;
        }
        self.commit(now);
        revived
    }

    /// Forgets these dead letters. Returns how many there were.
    pub fn drop_dead(&mut self, ids: &[AlertId], now: Timestamp) -> usize {
        let numbers: Vec<_> = ids.iter().filter_map(|id| self.dead.number(&id.digest())).collect();
        let dropped = numbers.into_iter().filter_map(|number| self.dead.remove(number)).count();
        self.commit(now);
        dropped
    }

    pub(super) fn insert_dead(&mut self, number: u64, grave: Grave) {
        self.forgotten += self.dead.insert(number, grave, self.bounds.dead, self.bounds.dead_bytes) as u64;
    }

    fn dead_body(&self, number: u64, grave: &Grave) -> Option<Vec<u8>> {
        match &grave.body {
            Body::Memory(body) => Some(body.clone()),
            Body::Disk => match Grave::decode(&self.disk.as_ref()?.dead(number).ok()??)?.body {
                Body::Memory(body) => Some(body),
                Body::Disk => None,
            },
        }
    }
}
