//! From what a detector saw to the alerts of the traps it hit: the same whichever detector it was.

use std::sync::Arc;

use tracing::{debug, error};

use super::Shared;
use crate::{
    alert,
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
    undecodable: u64,
    stale: u64,
}

impl Stream {
    pub(super) fn new(shared: Arc<Shared>, detector: &'static str) -> Self {
        Self { shared, detector, completer: Completer::default(), undecodable: 0, stale: 0 }
    }

    /// An event of fanotify: first of all who it was, for that is gone soon.
    pub(super) fn event(&mut self, access: Access) {
        let Access { boot_ns, pid, key, trap, path } = access;
        let subject = self.completer.describe(pid);
        self.access(Observation {
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
        });
    }

    /// True for the canary's record.
    pub(super) fn record(&mut self, bytes: &[u8]) -> bool {
        match decode(bytes) {
            Ok(seen) if is_canary(seen.trap) => return true,
            Ok(seen) => self.access(seen),
            Err(error) => {
                self.undecodable += 1;
                error!(%error, total = self.undecodable, "a record cannot be read; this is a bug, please report it");
            }
        }
        false
    }

    fn access(&mut self, mut seen: Observation) {
        let hits = self.shared.table().hits(seen.key, seen.generation, seen.trap);
        if hits.is_empty() {
            // Its policy went away while the record was on its way, or a stranger was given a decoy's inode number.
            self.stale += 1;
            debug!(trap = seen.trap, total = self.stale, "an access to a file that is no trap any more");
            return;
        }
        self.completer.complete(&mut seen.subject);
        for hit in hits {
            let alert = alert::on_host(&seen, &hit, &self.shared.host, Clock, self.detector);
            self.shared.sinks.deliver(&Arc::new(alert));
        }
    }
}
