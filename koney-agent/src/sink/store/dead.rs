//! What a sink can never accept, kept with the reason.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::index::{Body, Load, size};
use super::row::{HEAD, Head, Reader, nanoseconds};
use crate::alert::AlertId;

const VERSION: u8 = 1;
/// Bytes of a reason that are kept.
const LONGEST_REASON: usize = 500;

/// An alert that its sink will never accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which alert.
    pub id: AlertId,
    /// When that happened.
    pub time: Timestamp,
    /// When it was given up.
    pub buried: Timestamp,
    /// What the receiver said.
    pub reason: String,
    /// What would have been sent; only where one letter is asked for.
    pub body: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(super) struct Grave {
    pub(super) head: Head,
    pub(super) buried: Timestamp,
    pub(super) reason: String,
    pub(super) body: Body,
    pub(super) size: usize,
}

/// All of them, in memory: everything but, once they are on disk, their bodies.
#[derive(Debug, Default)]
pub(super) struct Dead {
    graves: BTreeMap<u64, Grave>,
    pub(super) load: Load,
    /// Letters of which the disk has another version, or none, or still one.
    pub(super) dirty: BTreeSet<u64>,
}

impl Grave {
    pub(super) fn new(head: Head, buried: Timestamp, reason: &str, body: Vec<u8>) -> Self {
        let reason: String = reason.get(..reason.floor_char_boundary(LONGEST_REASON)).unwrap_or_default().to_owned();
        let size = size(body.len()) + reason.len();
        Self { head, buried, reason, body: Body::Memory(body), size }
    }

    /// `None` once the disk alone has the body.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let Body::Memory(body) = &self.body else { return None };
        let mut bytes = Vec::with_capacity(11 + self.reason.len() + HEAD + body.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nanoseconds(self.buried).to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(self.reason.len()).unwrap_or_default().to_le_bytes());
        bytes.extend_from_slice(self.reason.as_bytes());
        bytes.extend_from_slice(&self.head.encode(body));
        Some(bytes)
    }

    /// Total: `None` for whatever this version did not write. The body comes along and is to be left on disk.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [version] = reader.array()?;
        let buried = reader.time()?;
        let length = u16::from_le_bytes(reader.array()?);
        let (reason, row) = reader.0.split_at_checked(length.into())?;
        let (head, body) = Head::decode(row)?;
        (version == VERSION).then(|| Self::new(head, buried, &String::from_utf8_lossy(reason), body.to_vec()))
    }

    pub(super) fn letter(&self, body: Option<Vec<u8>>) -> DeadLetter {
        let Self { head, buried, reason, .. } = self;
        DeadLetter { id: AlertId::from_digest(&head.id), time: head.time, buried: *buried, reason: reason.clone(), body }
    }
}

impl Dead {
    /// Takes one in; the oldest give way until all fit. Returns how many gave way.
    pub(super) fn insert(&mut self, number: u64, grave: Grave, entries: usize, bytes: usize) -> usize {
        self.load.rows += 1;
        self.load.bytes += grave.size;
        if grave.body != Body::Disk {
            self.dirty.insert(number);
        }
        self.graves.insert(number, grave);
        let mut gave_way = 0;
        while self.load.rows > 1 && (self.load.rows > entries || self.load.bytes > bytes) {
            let Some(oldest) = self.graves.first_key_value().map(|(number, _)| *number) else { break };
            self.remove(oldest);
            gave_way += 1;
        }
        gave_way
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Grave> {
        let grave = self.graves.remove(&number)?;
        self.load.rows -= 1;
        self.load.bytes -= grave.size;
        self.dirty.insert(number);
        Some(grave)
    }

    pub(super) fn written(&mut self, number: u64) {
        if let Some(grave) = self.graves.get_mut(&number) {
            grave.body = Body::Disk;
        }
        self.dirty.remove(&number);
    }

    pub(super) fn get(&self, number: u64) -> Option<&Grave> {
        self.graves.get(&number)
    }

    /// The number of the letter with this id.
    pub(super) fn number(&self, id: &[u8; 16]) -> Option<u64> {
        self.graves.iter().find(|(_, grave)| grave.head.id == *id).map(|(number, _)| *number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Grave)> {
        self.graves.iter().map(|(number, grave)| (*number, grave))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::kind::Kind;
    use super::super::row::State;
    use super::*;

    fn grave(id: u8, reason: &str) -> Grave {
        let (time, kind) = (Timestamp::UNIX_EPOCH, Kind([2; 16]));
        let head = Head {
            id: [id; 16],
            coarse: kind,
            fine: kind,
            state: State::Single,
            sealed: false,
            count: 1,
            missed: 0,
            time,
            first: time,
            last: time,
            due: time,
        };
        Grave::new(head, time, reason, b"body".to_vec())
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut dead = Dead::default();
        let gave_way: Vec<_> = (1..=3).map(|id| dead.insert(id.into(), grave(id, "no"), 2, 1000)).collect();
        assert_eq!(gave_way, [0, 0, 1]);
        assert_eq!((dead.number(&[1; 16]), dead.number(&[3; 16])), (None, Some(3)));
        assert_eq!(dead.insert(4, grave(4, &"x".repeat(500)), 2, 700), 2, "by bytes");
    }

    proptest! {
        #![proptest_config(crate::properties::cases(128))]

        #[test]
        fn reads_what_it_wrote(reason: String) {
            let written = grave(1, &reason);
            let read = written.encode().as_deref().and_then(Grave::decode).expect("its own");
            prop_assert!(reason.starts_with(&read.reason) && read.reason.len() >= reason.len().min(LONGEST_REASON).saturating_sub(3));
            prop_assert_eq!((read.head, read.body), (written.head, written.body));
        }

        #[test]
        fn takes_any_bytes(bytes: Vec<u8>) {
            drop(Grave::decode(&bytes));
        }
    }
}
