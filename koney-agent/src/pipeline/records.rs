//! With the stream: from the ring to the sinks.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{debug, error};

use super::{Shared, repeats::Bursts, watch::Watch};
use crate::{
    alert::{self, Alert, Gap},
    event::{Observation, decode},
    kernel::{Choice, Detector, Method, Ring, is_canary},
    workload::{Clock, Completer},
};

/// Between two looks at the counters.
const COUNT: Duration = Duration::from_secs(1);
/// Between two touches of the canary.
const CANARY: Duration = Duration::from_secs(30);

pub(super) async fn run(
    shared: Arc<Shared>,
    detector: Detector,
    ring: Ring,
    attach: Choice,
    mut stopping: watch::Receiver<bool>,
) {
    let completer = Completer::default();
    let mut stream =
        Stream { shared, method: detector.report().method, completer, bursts: Bursts::default(), undecodable: 0, stale: 0 };
    let mut watch = Watch::new(detector, ring, attach);
    let mut count = interval(COUNT);
    let mut canary = interval(CANARY);
    for timer in [&mut count, &mut canary] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    canary.reset();
    loop {
        // In this order: a flood of records must not keep the agent from stopping, counting or looking after itself.
        tokio::select! {
            biased;
            _ = stopping.changed() => {
                while watch.take(&mut stream) {}
                watch.count(&mut stream);
                watch.tell(&mut stream, true);
                return;
            }
            _ = count.tick() => watch.count(&mut stream),
            _ = canary.tick() => watch.touch(),
            readable = watch.readable() => {
                if let Err(error) = readable {
                    error!(%error, "the ring cannot be waited for");
                    return;
                }
                watch.take(&mut stream);
            }
        }
    }
}

/// From a record to alerts.
pub(super) struct Stream {
    shared: Arc<Shared>,
    pub(super) method: Method,
    completer: Completer,
    pub(super) bursts: Bursts,
    undecodable: u64,
    stale: u64,
}

impl Stream {
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
        let alert = |hit| Arc::new(alert::on_host(&seen, hit, &self.shared.host, Clock, self.method.name()));
        let alerts: Vec<_> = hits.iter().map(alert).collect();
        self.deliver(&alerts);
        self.bursts.begin(&seen, alerts);
    }

    pub(super) fn gap(&self, gap: Gap) {
        let alert = alert::gap(gap, Clock.boot_ns(), &self.shared.host, Clock, self.method.name());
        self.deliver(&[Arc::new(alert)]);
    }

    pub(super) fn deliver(&self, alerts: &[Arc<Alert>]) {
        for alert in alerts {
            self.shared.sinks.deliver(alert);
        }
    }
}
