//! From what a detector saw to the alerts of the traps it hit: the same whichever detector it was.

use std::sync::Arc;

use tracing::{debug, error};

use super::{
    Shared,
    repeats::{self, Bursts},
};
use crate::{
    alert::{self, Alert, Gap},
    event::{Check, Observation, Operation, decode},
    kernel::{fanotify::Access, is_canary},
    workload::{Clock, Completer},
};

/// Turns records and events into alerts.
pub(super) struct Stream {
    shared: Arc<Shared>,
    /// Goes with every alert.
    pub(super) detector: &'static str,
    completer: Completer,
    /// What processes did again; only the kernel programs count that.
    pub(super) bursts: Bursts,
    undecodable: u64,
    stale: u64,
}

impl Stream {
    pub(super) fn new(shared: Arc<Shared>, detector: &'static str) -> Self {
        Self { shared, detector, completer: Completer::default(), bursts: Bursts::default(), undecodable: 0, stale: 0 }
    }

    /// An event of fanotify: first of all who it was, for that is gone soon.
    pub(super) fn event(&mut self, access: Access) {
        let Access { boot_ns, pid, key, trap, path } = access;
        let subject = self.completer.describe(pid);
        let seen = Observation {
            boot_ns,
            operation: Operation::Open,
            check: Check::Identity,
            trap,
            key,
            generation: None,
            nested: false,
            open_flags: None,
            path,
            subject,
        };
        self.access(seen);
    }

    /// True for the canary's record.
    pub(super) fn record(&mut self, bytes: &[u8]) -> bool {
        match decode(bytes) {
            Ok(seen) if is_canary(seen.trap) => return true,
            Ok(seen) => {
                let key = repeats::key(&seen);
                let alerts = self.access(seen);
                self.bursts.begin(key, alerts);
            }
            Err(error) => {
                self.undecodable += 1;
                error!(%error, total = self.undecodable, "a record cannot be read; this is a bug, please report it");
            }
        }
        false
    }

    /// Tells of an access and gives what was told.
    fn access(&mut self, mut seen: Observation) -> Vec<Arc<Alert>> {
        let hits = self.shared.table().hits(seen.key, seen.generation, seen.trap);
        if hits.is_empty() {
            // Its policy went away while the record was on its way, or a stranger was given a decoy's inode number.
            self.stale += 1;
            debug!(trap = seen.trap, total = self.stale, "an access to a file that is no trap any more");
            return Vec::new();
        }
        self.completer.complete(&mut seen.subject);
        let alert = |hit| Arc::new(alert::on_host(&seen, hit, &self.shared.host, Clock, self.detector));
        let alerts: Vec<_> = hits.iter().map(alert).collect();
        self.deliver(&alerts);
        alerts
    }

    /// Tells of gaps in coverage.
    pub(super) fn gaps(&self, gaps: Vec<Gap>) {
        for gap in gaps {
            let alert = alert::gap(gap, Clock.boot_ns(), &self.shared.host, Clock, self.detector);
            self.deliver(&[Arc::new(alert)]);
        }
    }

    /// Hands alerts to every sink.
    pub(super) fn deliver(&self, alerts: &[Arc<Alert>]) {
        for alert in alerts {
            self.shared.sinks.deliver(alert);
        }
    }
}
