//! From alerts to rows: which gets one of its own, and which becomes part of a count.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Store;
use super::bounds::Bounds;
use super::index::{Body, Entry, Placement, later, size};
use super::kind::{Kinds, sum_id};
use super::row::{Head, State};
use super::seen::REMEMBERED;
use crate::alert::{Alert, AlertId, Gap, Purpose, Repeated};
use crate::sink::Render;

/// The largest transaction, as a part of all that the disk may hold: until it is done the file has to hold more than that.
const TRANSACTION: usize = 8;

/// Rows that stand for more alerts than they say yet, with the last of them.
type Summed<'a> = BTreeMap<u64, &'a Alert>;

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Alerts with a row of their own.
    pub stored: usize,
    /// Alerts that became part of a count.
    pub counted: usize,
    /// Alerts that had been offered before.
    pub known: usize,
    /// Alerts that found no room anywhere. They may be offered again.
    pub refused: Vec<AlertId>,
    /// Whatever was taken is on disk: a kill or a power cut loses nothing of it.
    pub durable: bool,
}

impl Store {
    /// Takes alerts, written by `render`, in one transaction, or a few where they are many: on disk when this returns, unless `durable` says otherwise.
    pub fn push(&mut self, now: Timestamp, alerts: &[&Alert], render: &dyn Render) -> Pushed {
        self.recover(now);
        let mut pushed = Pushed::default();
        let mut written = self.index.bytes();
        let mut summed = Summed::default();
        for batch in alerts.chunks(REMEMBERED / 2) {
            let mut ids = Vec::with_capacity(batch.len());
            for alert in batch {
                let id = alert.id.digest();
                if self.seen.contains(&id) || ids.contains(&id) || self.index.number(&id).is_some() {
                    pushed.known += 1;
                    continue;
                }
                match self.take_in(now, id, alert, render, &mut summed) {
                    Some(Placement::New(State::Single)) => pushed.stored += 1,
                    Some(_) => pushed.counted += 1,
                    None => {
                        pushed.refused.push(alert.id.clone());
                        continue;
                    }
                }
                ids.push(id);
                if self.index.bytes() > written + self.bounds.bytes / TRANSACTION {
                    self.seen.note(std::mem::take(&mut ids));
                    self.sum_up(&mut summed, render);
                    self.commit(now);
                    written = self.index.bytes();
                }
            }
            self.seen.note(ids);
            self.sum_up(&mut summed, render);
            self.commit(now);
        }
        self.counted += pushed.counted as u64;
        self.given_up += pushed.refused.len() as u64;
        pushed.durable = self.is_settled();
        pushed
    }

    fn take_in<'a>(
        &mut self,
        now: Timestamp,
        id: [u8; 16],
        alert: &'a Alert,
        render: &dyn Render,
        summed: &mut Summed<'a>,
    ) -> Option<Placement> {
        let kinds = Kinds::of(alert);
        let placement = self.index.placement(kinds, stands_alone(alert), self.is_short(), now);
        let head = match placement {
            Placement::New(State::Single) => {
                let body = render.render(alert);
                let head = single(id, kinds, alert);
                self.place(head, body)?;
                if !stands_alone(alert) {
                    let ends = now.saturating_add(self.bounds.window).expect("a duration without calendar units");
                    self.index.begin_window(kinds.fine, ends, now);
                }
                return Some(placement);
            }
            Placement::New(state) => {
                let window = if state == State::Fold { None } else { self.index.window(kinds.fine, now) };
                let due = window.unwrap_or_else(|| later(now));
                Head { id: sum_id(&id), state, due, count: 0, missed: 0, ..single(id, kinds, alert) }
            }
            Placement::Into(number) => {
                let head = with_one_more(self.index.get(number)?.head, alert);
                self.index.count(number, head);
                summed.insert(number, alert);
                return Some(placement);
            }
        };
        let head = with_one_more(head, alert);
        self.place(head, render.render(&summary(&head, alert)))?;
        Some(placement)
    }

    /// Writes rows anew that stand for more than they say: once before they go to disk, however many came together.
    fn sum_up(&mut self, summed: &mut Summed<'_>, render: &dyn Render) {
        for (number, last) in std::mem::take(summed) {
            if let Some(head) = self.index.get(number).map(|entry| entry.head) {
                self.index.replace(number, head, render.render(&summary(&head, last)));
            }
        }
    }

    /// A new row, where there is room for it.
    fn place(&mut self, head: Head, mut body: Vec<u8>) -> Option<()> {
        let bytes = size(body.len());
        let on_disk = self.has_room_on_disk(bytes);
        if !on_disk && !self.has_room_in_memory(bytes) {
            return None;
        }
        let number = self.number();
        let length = body.len();
        if !on_disk {
            // It stays: what is counted is what it takes.
            body.shrink_to_fit();
        }
        self.index.insert(number, Entry::new(head, Body::Memory(body), length, on_disk));
        Some(())
    }

    pub(super) fn has_room_on_disk(&self, bytes: usize) -> bool {
        let Bounds { entries, bytes: bound, .. } = self.bounds;
        self.writable && self.index.disk.rows < entries && self.index.disk.bytes + bytes <= bound
    }

    fn has_room_in_memory(&self, bytes: usize) -> bool {
        let Bounds { entries, memory, .. } = self.bounds;
        self.index.memory.rows < entries && self.index.memory.bytes + bytes <= memory
    }

    /// From here on only the first of a coarse kind has a row of its own.
    fn is_short(&self) -> bool {
        let Bounds { entries, bytes, memory, .. } = self.bounds;
        let bytes = if self.writable { self.index.disk.bytes >= bytes / 2 } else { self.index.memory.bytes >= memory / 2 };
        bytes || self.index.len() >= entries / 2
    }
}

/// It sums up a burst already, or somebody waits for it: told as it is, while there is space.
fn stands_alone(alert: &Alert) -> bool {
    alert.repeats.is_some() || alert.purpose != Purpose::Alert
}

fn single(id: [u8; 16], kinds: Kinds, alert: &Alert) -> Head {
    let Kinds { coarse, fine } = kinds;
    let (count, first, last) = alert.repeats.map_or((1, alert.time, alert.time), |sum| (sum.count, sum.first, sum.last));
    let missed = alert.gap.map_or(0, |gap| gap.count);
    // An alert by itself may be sent whatever the clock says.
    let due = Timestamp::MIN;
    Head { id, coarse, fine, state: State::Single, sealed: false, count, missed, time: alert.time, first, last, due }
}

/// The row with one more alert in it.
fn with_one_more(head: Head, alert: &Alert) -> Head {
    let (count, from, to) = alert.repeats.map_or((1, alert.time, alert.time), |sum| (sum.count, sum.first, sum.last));
    let (first, last) = (head.first.min(from), head.last.max(to));
    let missed = head.missed.saturating_add(alert.gap.map_or(0, |gap| gap.count));
    Head { time: last, count: head.count.saturating_add(count), missed, first, last, ..head }
}

/// What tells of all alerts of a row, with what is known of the last.
fn summary(head: &Head, last: &Alert) -> Alert {
    Alert {
        id: AlertId::from_digest(&head.id),
        time: head.last,
        repeats: Some(Repeated { count: head.count, first: head.first, last: head.last }),
        gap: last.gap.map(|gap| Gap { count: head.missed, ..gap }),
        ..last.clone()
    }
}
