//! What waits, in memory: everything of a row but, once that is on disk, its body.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::bounds::MINUTE;
use super::kind::{Kind, Kinds};
use super::row::{HEAD, Head, State};

/// Bytes that a row costs on disk beside what is written of it: its keys and its share of a page's own.
const OVERHEAD: usize = 64;
/// Fine kinds whose first alert is remembered after it was delivered. One more is told as a first again.
const WINDOWS: usize = 4096;

/// Where a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Disk,
    Memory(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) head: Head,
    pub(super) body: Body,
    /// Bytes that it counts for.
    pub(super) size: usize,
    /// It counts as being on disk, though it may have to be written yet.
    pub(super) on_disk: bool,
}

/// How much there is in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// What becomes of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// A row of its own.
    New(State),
    /// Part of this row.
    Into(u64),
}

#[derive(Debug, Default)]
pub(super) struct Index {
    rows: BTreeMap<u64, Entry>,
    ids: HashMap<[u8; 16], u64>,
    /// Rows of each coarse kind.
    coarse: HashMap<Kind, usize>,
    /// The row of a kind that more may become part of.
    open: HashMap<(Kind, bool), u64>,
    /// When the window of a fine kind ends.
    windows: HashMap<Kind, Timestamp>,
    pub(super) disk: Load,
    pub(super) memory: Load,
    /// Rows of which the disk has another version, or none, or still one.
    pub(super) dirty: BTreeSet<u64>,
}

impl Entry {
    pub(super) fn new(head: Head, body: Body, length: usize, on_disk: bool) -> Self {
        Self { head, body, size: size(length), on_disk }
    }
}

impl Index {
    /// Where an alert goes. One that stands alone has a row of its own, while there is space.
    pub(super) fn placement(&self, kinds: Kinds, stands_alone: bool, short: bool, now: Timestamp) -> Placement {
        if !stands_alone {
            if let Some(row) = self.open.get(&(kinds.fine, false)) {
                return Placement::Into(*row);
            }
            if !short && self.window(kinds.fine, now).is_some() {
                return Placement::New(State::Repeats);
            }
        }
        if !short || !self.coarse.contains_key(&kinds.coarse) {
            return Placement::New(State::Single);
        }
        match self.open.get(&(kinds.coarse, true)) {
            Some(row) => Placement::Into(*row),
            None => Placement::New(State::Fold),
        }
    }

    /// When the window of this fine kind ends, if it is not over.
    pub(super) fn window(&self, fine: Kind, now: Timestamp) -> Option<Timestamp> {
        self.windows.get(&fine).copied().filter(|ends| !is_reached(*ends, now))
    }

    /// The window of this fine kind begins.
    pub(super) fn begin_window(&mut self, fine: Kind, ends: Timestamp, now: Timestamp) {
        if self.windows.len() >= WINDOWS {
            self.windows.retain(|_, ends| !is_reached(*ends, now));
        }
        if self.windows.len() < WINDOWS {
            self.windows.insert(fine, ends);
        }
    }

    pub(super) fn insert(&mut self, number: u64, entry: Entry) {
        self.ids.insert(entry.head.id, number);
        *self.coarse.entry(entry.head.coarse).or_default() += 1;
        if entry.head.is_open() {
            self.open.insert(open_key(&entry.head), number);
        }
        self.load(entry.on_disk).add(entry.size);
        if entry.body != Body::Disk {
            self.dirty.insert(number);
        }
        self.rows.insert(number, entry);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.rows.remove(&number)?;
        self.ids.remove(&entry.head.id);
        if let Some(rows) = self.coarse.get_mut(&entry.head.coarse) {
            *rows -= 1;
            if *rows == 0 {
                self.coarse.remove(&entry.head.coarse);
            }
        }
        self.close(&entry.head, number);
        self.load(entry.on_disk).take(entry.size);
        self.dirty.insert(number);
        Some(entry)
    }

    /// The row stands for more than it says; [`Self::replace`] follows.
    pub(super) fn count(&mut self, number: u64, head: Head) {
        if let Some(entry) = self.rows.get_mut(&number) {
            entry.head = head;
        }
    }

    /// Gives a row another head and body, to be written.
    pub(super) fn replace(&mut self, number: u64, head: Head, mut body: Vec<u8>) {
        let Some(entry) = self.rows.get_mut(&number) else { return };
        let (before, on_disk) = (entry.size, entry.on_disk);
        entry.size = size(body.len());
        let after = entry.size;
        if !on_disk {
            body.shrink_to_fit();
        }
        (entry.head, entry.body) = (head, Body::Memory(body));
        if head.sealed {
            self.close(&head, number);
        }
        self.load(on_disk).take(before);
        self.load(on_disk).add(after);
        self.dirty.insert(number);
    }

    /// The row counts as being on disk from now on, or not any more.
    pub(super) fn move_to(&mut self, number: u64, on_disk: bool) {
        let Some(entry) = self.rows.get_mut(&number) else { return };
        let (before, size) = (std::mem::replace(&mut entry.on_disk, on_disk), entry.size);
        self.load(before).take(size);
        self.load(on_disk).add(size);
    }

    /// The disk has what memory has of this row.
    pub(super) fn written(&mut self, number: u64) {
        if let Some(entry) = self.rows.get_mut(&number) {
            entry.body = Body::Disk;
        }
        self.dirty.remove(&number);
    }

    /// Rows that may be sent, oldest first.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = (u64, &Entry)> {
        self.rows.iter().filter(move |(_, entry)| is_reached(entry.head.due, now)).map(|(number, entry)| (*number, entry))
    }

    /// When the next row that must still wait may be sent.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.rows.values().map(|entry| entry.head.due).filter(|due| !is_reached(*due, now)).min()
    }

    pub(super) fn get(&self, number: u64) -> Option<&Entry> {
        self.rows.get(&number)
    }

    pub(super) fn number(&self, id: &[u8; 16]) -> Option<u64> {
        self.ids.get(id).copied()
    }

    pub(super) fn open_rows(&self) -> Vec<u64> {
        self.open.values().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.rows.iter().map(|(number, entry)| (*number, entry))
    }

    pub(super) fn bytes(&self) -> usize {
        self.disk.bytes + self.memory.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.rows.first_key_value().map(|(_, entry)| entry.head.first)
    }

    fn close(&mut self, head: &Head, number: u64) {
        if self.open.get(&open_key(head)) == Some(&number) {
            self.open.remove(&open_key(head));
        }
    }

    fn load(&mut self, on_disk: bool) -> &mut Load {
        if on_disk { &mut self.disk } else { &mut self.memory }
    }
}

impl Load {
    fn add(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }

    fn take(&mut self, bytes: usize) {
        self.rows -= 1;
        self.bytes -= bytes;
    }
}

/// Bytes that a row with a body of this length counts for.
pub(super) fn size(length: usize) -> usize {
    length + HEAD + OVERHEAD
}

/// A clock that was set back must not make anything wait for longer than it was meant to.
pub(super) fn is_reached(time: Timestamp, now: Timestamp) -> bool {
    time <= now || time > later(now)
}

pub(super) fn later(now: Timestamp) -> Timestamp {
    now.saturating_add(MINUTE).expect("a duration without calendar units")
}

fn open_key(head: &Head) -> (Kind, bool) {
    match head.state {
        State::Fold => (head.coarse, true),
        State::Single | State::Repeats => (head.fine, false),
    }
}
