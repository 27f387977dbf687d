//! How much is tried next, and when.
//!
//! After a few failures in a row one letter goes first, to see whether the receiver is back. That letter may itself be what the receiver
//! breaks on, and whoever is being watched wrote most of it: so every other time the next one goes, and if that gets through, the first
//! is put off until later instead of keeping everything else.

use std::time::Duration;

use tokio::time::Instant;

use super::super::backoff::Backoff;
use super::super::store::Taken;
use super::super::{BatchLimits, Form, Letter, Schedules};
use super::verdict::Trouble;
use crate::alert::AlertId;

/// Failures in a row after which one letter goes first.
const PROBE_AFTER: u32 = 5;
/// Letters that are put off at any time.
const PUT_OFF: usize = 16;

/// What the next attempt carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    /// As much as the receiver takes.
    Batch,
    /// The oldest letter alone.
    Head,
    /// The one behind it, alone.
    Second,
    /// One that was put off, alone.
    PutOff,
}

#[derive(Debug)]
pub(super) struct Pace {
    schedules: Schedules,
    backoff: Backoff,
    form: Form,
    failures: u32,
    /// So many letters go one by one.
    one_by_one: usize,
    /// The letter that failed alone.
    suspect: Option<AlertId>,
    put_off: Vec<(AlertId, Instant, Backoff)>,
}

impl Pace {
    pub(super) fn new(schedules: Schedules) -> Self {
        let backoff = Backoff::new(schedules);
        Self { schedules, backoff, form: Form::Full, failures: 0, one_by_one: 0, suspect: None, put_off: Vec::new() }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// What to try next.
    pub(super) fn attempt(&self) -> Try {
        if self.failures >= PROBE_AFTER {
            return if self.suspect.is_some() && self.failures.is_multiple_of(2) { Try::Second } else { Try::Head };
        }
        if self.form == Form::Short || self.one_by_one > 0 {
            return Try::Head;
        }
        if self.put_off.iter().any(|(_, until, _)| *until <= Instant::now()) { Try::PutOff } else { Try::Batch }
    }

    /// What to take for it: how much, and what not.
    pub(super) fn limits(&self, attempt: Try, most: BatchLimits) -> (BatchLimits, Vec<AlertId>) {
        let now = Instant::now();
        let mut except: Vec<_> = self.put_off.iter().map(|(id, ..)| id.clone()).collect();
        match attempt {
            Try::Batch => (most, except),
            Try::Head => (BatchLimits::SINGLE, except),
            Try::Second => {
                except.extend(self.suspect.clone());
                (BatchLimits::SINGLE, except)
            }
            Try::PutOff => {
                let waiting = self.put_off.iter().filter(|(_, until, _)| *until > now).map(|(id, ..)| id.clone()).collect();
                (BatchLimits { entries: PUT_OFF, bytes: usize::MAX }, waiting)
            }
        }
    }

    /// Of what was taken, what goes.
    pub(super) fn chosen(&mut self, attempt: Try, taken: Taken) -> Vec<Letter> {
        if attempt != Try::PutOff {
            return taken.letters;
        }
        let now = Instant::now();
        let is_put_off = |letter: &Letter| self.put_off.iter().any(|(id, until, _)| *id == letter.id && *until <= now);
        let chosen: Vec<_> = taken.letters.into_iter().filter(is_put_off).take(1).collect();
        if chosen.is_empty() {
            // It is not there any more, or far behind: the batches come to it.
            self.put_off.retain(|(_, until, _)| *until > now);
        }
        chosen
    }

    /// Draws the conclusions of an attempt: how long to wait, if at all.
    pub(super) fn judge(
        &mut self,
        attempt: Try,
        letters: usize,
        settled: usize,
        head: Option<AlertId>,
        trouble: Option<&Trouble>,
    ) -> Option<Duration> {
        if attempt == Try::PutOff {
            return self.judge_put_off(head.as_ref(), trouble);
        }
        self.one_by_one = self.one_by_one.saturating_sub(1);
        if settled > 0 {
            if attempt == Try::Second
                && let Some(suspect) = self.suspect.take()
                && self.put_off.len() < PUT_OFF
            {
                let mut backoff = Backoff::new(self.schedules);
                self.put_off.push((suspect, Instant::now() + backoff.next_slow(), backoff));
            }
            (self.failures, self.suspect, self.form) = (0, None, Form::Full);
            if trouble.is_none() {
                self.backoff.reset();
            }
        }
        match trouble? {
            Trouble::Shorten(_) => {
                self.form = Form::Short;
                None
            }
            Trouble::Split(_) => {
                self.one_by_one = letters;
                None
            }
            Trouble::Retry { after, .. } => {
                self.failures = self.failures.saturating_add(1);
                if attempt == Try::Head {
                    self.suspect = head;
                }
                Some(self.backoff.next_fast(*after))
            }
            Trouble::Slow(_) | Trouble::Gone(_) => Some(self.backoff.next_slow()),
        }
    }

    fn judge_put_off(&mut self, head: Option<&AlertId>, trouble: Option<&Trouble>) -> Option<Duration> {
        let place = self.put_off.iter().position(|(id, ..)| Some(id) == head)?;
        match trouble {
            // Too large is what the usual way has an answer to.
            None | Some(Trouble::Shorten(_)) => drop(self.put_off.remove(place)),
            Some(_) => {
                if let Some((_, until, backoff)) = self.put_off.get_mut(place) {
                    *until = Instant::now() + backoff.next_slow();
                }
            }
        }
        None
    }

    /// Another configuration may be another receiver.
    pub(super) fn start_over(&mut self) {
        *self = Self { form: self.form, one_by_one: self.one_by_one, ..Self::new(self.schedules) };
    }

    /// There is no letter for this attempt.
    pub(super) fn nothing_for(&mut self, attempt: Try) {
        match attempt {
            Try::Second => self.suspect = None,
            Try::Batch | Try::Head => (self.failures, self.one_by_one, self.form) = (0, 0, Form::Full),
            Try::PutOff => self.put_off.clear(),
        }
    }

    pub(super) fn is_putting_off(&self) -> bool {
        !self.put_off.is_empty()
    }

    /// At the end everything is tried once more.
    pub(super) fn forget(&mut self) {
        self.put_off.clear();
        self.suspect = None;
    }

    /// Until something that was put off is due.
    pub(super) fn put_off_for(&self) -> Option<Duration> {
        self.put_off.iter().map(|(_, until, _)| until.saturating_duration_since(Instant::now())).min()
    }
}
