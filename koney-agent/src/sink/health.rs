//! How a sink fares, for metrics, status and people.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;

use super::SinkId;
use super::store::{Place, Stats};

/// Seconds, from what a receiver nearby takes to the longest that one is waited for.
const TOOK: [f64; 8] = [0.01, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// What an attempt to send a batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// All of it was taken.
    Accepted,
    /// Some of it will never be.
    Rejected,
    /// It was refused together, or is too large: to be tried in smaller parts, or shorter.
    Split,
    /// It failed, and is tried again.
    Retried,
    /// A person has to mend something first.
    Blocked,
}

/// How often attempts came to what, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sends([u64; Sent::ALL.len()]);

/// One sink at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Which sink.
    pub id: SinkId,
    /// Its receiver, in one word; empty for one that no resource describes.
    pub receiver: &'static str,
    /// It has a configuration that alerts can be sent with.
    pub configured: bool,
    /// Alerts that wait, each row of the queue once.
    pub queued: usize,
    /// Their bytes.
    pub bytes: usize,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
    /// Why a kill would lose what is queued, if it would.
    pub volatile: Option<String>,
    /// Alerts that became part of a count.
    pub counted: u64,
    /// Alerts that the receiver took.
    pub delivered: u64,
    /// When it took the last of them.
    pub last_success: Option<Timestamp>,
    /// Alerts that its filter left out.
    pub filtered: u64,
    /// Alerts that the receiver will never take.
    pub rejected: u64,
    /// Those of them that are kept, now.
    pub dead_letters: usize,
    /// Alerts that found no room anywhere, or gave way among the dead letters.
    pub dropped: u64,
    /// Attempts that failed and are repeated.
    pub retried: u64,
    /// Attempts by what they came to.
    pub sends: Sends,
    /// Why alerts wait now, or why the configuration in use is not the newest.
    pub last_error: Option<String>,
    /// The last attempt came to nothing, and that is the error; otherwise it is one of the configuration.
    pub failing: bool,
}

impl Health {
    /// A sink that has done nothing yet.
    #[must_use]
    pub fn new(id: SinkId) -> Self {
        Self {
            id,
            receiver: "",
            configured: false,
            queued: 0,
            bytes: 0,
            oldest: None,
            volatile: None,
            counted: 0,
            delivered: 0,
            last_success: None,
            filtered: 0,
            rejected: 0,
            dead_letters: 0,
            dropped: 0,
            retried: 0,
            sends: Sends::default(),
            last_error: None,
            failing: false,
        }
    }
}

impl Sent {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Accepted, "accepted"),
        (Self::Rejected, "rejected"),
        (Self::Split, "split"),
        (Self::Retried, "retried"),
        (Self::Blocked, "blocked"),
    ];
}

impl Sends {
    /// Each outcome with how often it was.
    pub fn rows(self) -> impl Iterator<Item = (&'static str, u64)> {
        Sent::ALL.into_iter().map(|(_, name)| name).zip(self.0)
    }
}

/// What the task of a sink counts.
#[derive(Debug)]
pub(super) struct Counters {
    delivered: AtomicU64,
    rejected: AtomicU64,
    retried: AtomicU64,
    sends: [AtomicU64; Sent::ALL.len()],
    took: Histogram,
    filtered: AtomicU64,
    last_success: Mutex<Option<Timestamp>>,
    config_error: Mutex<Option<String>>,
    send_error: Mutex<Option<String>>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            delivered: AtomicU64::default(),
            rejected: AtomicU64::default(),
            retried: AtomicU64::default(),
            filtered: AtomicU64::default(),
            sends: <[AtomicU64; Sent::ALL.len()]>::default(),
            took: Histogram::new(TOOK),
            last_success: Mutex::default(),
            config_error: Mutex::default(),
            send_error: Mutex::default(),
        }
    }
}

impl Counters {
    /// How long attempts took, in seconds.
    pub(super) fn took(&self) -> Histogram {
        self.took.clone()
    }

    pub(super) fn count_filtered(&self, alerts: usize) {
        self.filtered.fetch_add(alerts as u64, Ordering::Relaxed);
    }

    pub(super) fn count_send(&self, sent: Sent, took: Duration) {
        self.sends[sent as usize].fetch_add(1, Ordering::Relaxed);
        self.took.observe(took.as_secs_f64());
    }

    pub(super) fn count_delivered(&self, alerts: usize, now: Timestamp) {
        if alerts > 0 {
            *self.last_success.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            self.delivered.fetch_add(alerts as u64, Ordering::Relaxed);
            replace(&self.send_error, None);
        }
    }

    /// Returns how many there are now, and whether the reason is another than before.
    pub(super) fn count_rejected(&self, reason: &str) -> (u64, bool) {
        let rejected = self.rejected.fetch_add(1, Ordering::Relaxed) + 1;
        (rejected, replace(&self.send_error, Some(reason.to_owned())))
    }

    pub(super) fn count_retried(&self, reason: &str) {
        self.retried.fetch_add(1, Ordering::Relaxed);
        replace(&self.send_error, Some(reason.to_owned()));
    }

    /// Returns whether this is news.
    pub(super) fn set_config_error(&self, error: Option<String>) -> bool {
        replace(&self.config_error, error)
    }

    pub(super) fn health(&self, id: &SinkId, configured: bool, stats: &Stats) -> Health {
        let last_success = *self.last_success.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |error: &Mutex<Option<String>>| error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (config_error, send_error) = (read(&self.config_error), read(&self.send_error));
        Health {
            configured,
            queued: stats.rows,
            bytes: stats.bytes,
            oldest: stats.oldest,
            volatile: match &stats.place {
                Place::Disk => None,
                Place::Memory { reason } => Some(reason.clone()),
            },
            counted: stats.counted,
            delivered: self.delivered.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            dead_letters: stats.dead,
            dropped: stats.given_up + stats.forgotten,
            retried: self.retried.load(Ordering::Relaxed),
            sends: Sends(self.sends.each_ref().map(|count| count.load(Ordering::Relaxed))),
            last_success,
            filtered: self.filtered.load(Ordering::Relaxed),
            failing: config_error.is_none() && send_error.is_some(),
            last_error: config_error.or(send_error),
            ..Health::new(id.clone())
        }
    }
}

fn replace(slot: &Mutex<Option<String>>, value: Option<String>) -> bool {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    let news = *slot != value;
    *slot = value;
    news
}
