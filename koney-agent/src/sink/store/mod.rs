//! One sink's alerts that are not delivered yet: durable, bounded, and never without the first of a kind.
//!
//! In go alerts, written the way the sink reads them; out come letters, which stay until they are removed. Every change is one
//! transaction and on disk when its function returns. Memory knows all rows but their bodies, and all that the disk was not told yet:
//! where the disk fails, it goes on from there and returns when it can. Nothing here waits, and time comes from outside.

mod bounds;
mod dead;
mod dead_letters;
mod disk;
mod file;
mod index;
mod kind;
mod medium;
mod open;
mod overlay;
mod push;
mod row;
mod seen;

#[cfg(test)]
mod open_tests;
#[cfg(test)]
mod push_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;

pub use bounds::{Bounds, News, Place, Stats};
pub use dead::DeadLetter;
pub use kind::{Kind, Kinds};
pub use medium::{Folder, Medium};
pub(super) use medium::{left_as, sweep};
pub use push::Pushed;

use super::{BatchLimits, Letter};
use crate::alert::AlertId;
use dead::{Dead, Grave};
use disk::{Change, Disk, Unusable};
use index::{Body, Entry, Index};
use row::{Head, State};
use seen::Seen;

/// A durable queue.
#[derive(Debug)]
pub struct Store {
    medium: Option<Arc<dyn Medium>>,
    bounds: Bounds,
    /// Absent where there is none, or none that can be read.
    disk: Option<Disk>,
    /// Changes are written to it.
    writable: bool,
    /// What the disk has was read once.
    loaded: bool,
    /// Names this store in its file.
    token: u64,
    /// Whose the file was when it was read.
    former: Option<u64>,
    place: Place,
    retry_at: Timestamp,
    index: Index,
    dead: Dead,
    seen: Seen,
    next: u64,
    news: Vec<News>,
    counted: u64,
    buried: u64,
    forgotten: u64,
    given_up: u64,
    unreadable: u64,
}

/// What may be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The letters.
    pub letters: Vec<Letter>,
    /// One of them is the first of its kind, or may be.
    pub urgent: bool,
    /// There are others that had no room within the limits.
    pub more: bool,
}

impl Store {
    /// Opens the queue, with what is in its file. Never fails: without a file that can be used, and where none is given, it is in memory.
    #[must_use]
    pub fn open(medium: Option<Arc<dyn Medium>>, bounds: Bounds, now: Timestamp) -> Self {
        let reason = "there is no folder for it".to_owned();
        let place = if medium.is_some() { Place::Disk } else { Place::Memory { reason } };
        let mut store = Self {
            medium,
            bounds,
            disk: None,
            writable: false,
            loaded: false,
            token: row::nanoseconds(now).unsigned_abs(),
            former: None,
            place,
            retry_at: now,
            index: Index::default(),
            dead: Dead::default(),
            seen: Seen::default(),
            next: 1,
            news: Vec::new(),
            counted: 0,
            buried: 0,
            forgotten: 0,
            given_up: 0,
            unreadable: 0,
        };
        store.recover(now);
        store
    }

    /// Letters that may be sent, oldest first and within the limits, but not those of `except`; at least one, if there is any. They stay,
    /// and what they say stays the same from now on.
    pub fn take(&mut self, now: Timestamp, limits: BatchLimits, except: &[AlertId]) -> Taken {
        let except: Vec<_> = except.iter().map(AlertId::digest).collect();
        let mut taken = Taken::default();
        let mut bytes = 0_usize;
        let mut open = Vec::new();
        for (number, entry) in self.index.due(now).filter(|(_, entry)| !except.contains(&entry.head.id)) {
            taken.more = taken.letters.len() >= limits.entries.max(1);
            if taken.more {
                break;
            }
            // What cannot be read now may be readable when the disk is.
            let Some(body) = self.body(number, entry) else { continue };
            bytes = bytes.saturating_add(body.len());
            taken.more = bytes > limits.bytes && !taken.letters.is_empty();
            if taken.more {
                break;
            }
            if entry.head.is_open() {
                open.push((number, entry.head, body.clone()));
            }
            taken.urgent |= entry.head.state == State::Single && entry.head.count <= 1;
            taken.letters.push(Letter { id: AlertId::from_digest(&entry.head.id), time: entry.head.time, body });
        }
        if !open.is_empty() {
            for (number, head, body) in open {
                self.index.replace(number, Head { sealed: true, ..head }, body);
            }
            self.commit(now);
        }
        taken
    }

    /// When the next row that still waits for its time may be sent.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.index.next_due(now)
    }

    /// Makes every row due: there will be no time to wait for what would become part of it.
    pub fn close_windows(&mut self, now: Timestamp) {
        for number in self.index.open_rows() {
            let Some(entry) = self.index.get(number) else { continue };
            let Some(body) = self.body(number, entry) else { continue };
            let head = Head { due: Timestamp::MIN, sealed: true, ..entry.head };
            self.index.replace(number, head, body);
        }
        self.commit(now);
    }

    /// Removes what was delivered. Ids that are not there are passed over.
    pub fn remove(&mut self, ids: &[AlertId], now: Timestamp) {
        for id in ids {
            if let Some(number) = self.index.number(&id.digest()) {
                self.index.remove(number);
            }
        }
        self.recover(now);
        self.commit(now);
    }

    /// How it fares.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            place: self.place.clone(),
            rows: self.index.len(),
            volatile: self.index.dirty.iter().filter(|number| self.index.get(**number).is_some()).count(),
            bytes: self.index.bytes(),
            oldest: self.index.oldest(),
            dead: self.dead.load.rows,
            counted: self.counted,
            buried: self.buried,
            forgotten: self.forgotten,
            given_up: self.given_up,
            unreadable: self.unreadable,
        }
    }

    /// What an operator should read, since the last call.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Tries the disk, if the queue is in memory and a minute has passed; takes in what was left beside it.
    pub fn tend(&mut self, now: Timestamp) {
        self.recover(now);
        if self.writable
            && let Some(medium) = self.medium.clone()
        {
            self.take_in_again(&*medium);
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn body(&self, number: u64, entry: &Entry) -> Option<Vec<u8>> {
        match &entry.body {
            Body::Memory(body) => Some(body.clone()),
            Body::Disk => Some(Head::decode(&self.disk.as_ref()?.row(number).ok()??)?.1.to_vec()),
        }
    }

    /// All that the disk is to have, it has.
    fn is_settled(&self) -> bool {
        self.writable && self.index.dirty.is_empty()
    }

    /// Tells the disk everything that it does not have yet.
    fn commit(&mut self, now: Timestamp) {
        if self.writable
            && let Err(error) = self.write()
        {
            self.fall(&error, now);
        }
    }

    fn write(&mut self) -> Result<(), Unusable> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let mut change = Change::default();
        let mut room = (self.index.disk, Vec::new());
        for number in self.index.dirty.clone() {
            let Some(entry) = self.index.get(number) else {
                change.rows.insert(number, None);
                continue;
            };
            let Body::Memory(body) = &entry.body else { continue };
            if !entry.on_disk {
                let (load, moved) = &mut room;
                if load.rows >= self.bounds.entries || load.bytes + entry.size > self.bounds.bytes {
                    continue;
                }
                load.rows += 1;
                load.bytes += entry.size;
                moved.push(number);
            }
            change.rows.insert(number, Some(entry.head.encode(body)));
        }
        change.dead.extend(self.dead.dirty.iter().map(|number| (*number, self.dead.get(*number).and_then(Grave::encode))));
        change.seen.extend(self.seen.dirty.iter().map(|number| (*number, self.seen.encoded(*number))));
        if change.is_empty() {
            return Ok(());
        }
        disk.apply(&change)?;
        for number in room.1 {
            self.index.move_to(number, true);
        }
        for number in change.rows.into_keys() {
            self.index.written(number);
        }
        for number in change.dead.into_keys() {
            self.dead.written(number);
        }
        self.seen.dirty.clear();
        Ok(())
    }
}
