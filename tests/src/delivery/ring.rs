//! The kernel's ring: what was not given back is there for the next agent, until the machine goes down.

use koney_agent::alert::Alert;

/// Records, and how far they were given back.
#[derive(Debug, Default)]
pub(super) struct Ring {
    records: Vec<Alert>,
    read: usize,
    published: usize,
}

impl Ring {
    pub(super) fn cause(&mut self, alert: Alert) {
        self.records.push(alert);
    }

    /// The next records, which stay.
    pub(super) fn read(&mut self, limit: usize) -> Vec<Alert> {
        let batch: Vec<_> = self.records.iter().skip(self.read).take(limit).cloned().collect();
        self.read += batch.len();
        batch
    }

    /// Gives everything that was read back.
    pub(super) fn publish(&mut self) {
        self.published = self.read;
    }

    /// Another agent reads it.
    pub(super) fn reopen(&mut self) {
        self.read = self.published;
    }

    /// The machine went down: returns how many records went with it.
    pub(super) fn lose(&mut self) -> usize {
        let lost = self.records.len() - self.published;
        self.read = self.records.len();
        self.published = self.read;
        lost
    }

    pub(super) fn is_drained(&self) -> bool {
        self.published == self.records.len()
    }
}
