//! How a sink fares, for metrics, status and people.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::SinkId;

/// One sink at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Which sink.
    pub id: SinkId,
    /// It has a configuration that alerts can be sent with.
    pub configured: bool,
    /// Alerts that wait.
    pub queued: usize,
    /// Alerts that the receiver took.
    pub delivered: u64,
    /// Alerts that the receiver will never take.
    pub rejected: u64,
    /// Alerts that found the queue full.
    pub dropped: u64,
    /// Attempts that failed and are repeated.
    pub retried: u64,
    /// Why alerts wait now, or why the configuration in use is not the newest.
    pub last_error: Option<String>,
}

/// What the task of a sink counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    delivered: AtomicU64,
    rejected: AtomicU64,
    retried: AtomicU64,
    config_error: Mutex<Option<String>>,
    send_error: Mutex<Option<String>>,
}

impl Counters {
    pub(super) fn count_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        replace(&self.send_error, None);
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

    pub(super) fn health(&self, id: &SinkId, configured: bool, queued: usize, dropped: u64) -> Health {
        let read = |error: &Mutex<Option<String>>| error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Health {
            id: id.clone(),
            configured,
            queued,
            delivered: self.delivered.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            dropped,
            retried: self.retried.load(Ordering::Relaxed),
            last_error: read(&self.config_error).or_else(|| read(&self.send_error)),
        }
    }
}

fn replace(slot: &Mutex<Option<String>>, value: Option<String>) -> bool {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    let news = *slot != value;
    *slot = value;
    news
}
