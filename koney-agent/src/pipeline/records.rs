//! With the stream: from the ring to the sinks, and the watch over the stream itself.

use std::{sync::Arc, time::Duration};

use koney_common::Counter;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{debug, error, warn};

use super::Shared;
use crate::{
    alert,
    event::{Observation, decode},
    kernel::{Choice, Counts, Detector, Method, Ring, is_canary},
    workload::{self, Clock},
};

/// Records per batch: the ring gives their space back together.
const BATCH: usize = 256;
/// Between two looks at the counters.
const COUNT: Duration = Duration::from_secs(1);
/// Between two touches of the canary.
const CANARY: Duration = Duration::from_secs(30);
/// How long the canary's record may take.
const CANARY_DEADLINE: Duration = Duration::from_secs(1);

pub(super) async fn run(
    shared: Arc<Shared>,
    detector: Detector,
    ring: Ring,
    attach: Choice,
    mut stopping: watch::Receiver<bool>,
) {
    let mut stream = Stream { shared, method: detector.report().method, undecodable: 0, stale: 0 };
    let mut watch = Watch { detector, ring, attach, last: Counts::default(), touched: None };
    let mut count = interval(COUNT);
    let mut canary = interval(CANARY);
    for timer in [&mut count, &mut canary] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    canary.reset();
    loop {
        tokio::select! {
            readable = watch.ring.readable() => {
                if let Err(error) = readable {
                    error!(%error, "the ring cannot be waited for");
                    return;
                }
                watch.take(&mut stream);
            }
            _ = count.tick() => watch.count(&mut stream),
            _ = canary.tick() => watch.touch(),
            _ = stopping.changed() => {
                watch.take(&mut stream);
                return;
            }
        }
    }
}

/// From a record to alerts.
struct Stream {
    shared: Arc<Shared>,
    method: Method,
    undecodable: u64,
    stale: u64,
}

impl Stream {
    /// True for the canary's record.
    fn record(&mut self, bytes: &[u8]) -> bool {
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
        let hits = self.shared.table().hits(seen.key, seen.trap);
        if hits.is_empty() {
            // Its policy went away while the record was on its way.
            self.stale += 1;
            debug!(trap = seen.trap, total = self.stale, "an access to a trap that nobody wants any more");
            return;
        }
        workload::complete(&mut seen.subject);
        for hit in hits {
            let alert = alert::on_host(&seen, &hit, &self.shared.host, Clock, self.method.name());
            self.shared.sinks.deliver(&Arc::new(alert));
        }
    }
}

/// The detector, and whether it still sees.
struct Watch {
    detector: Detector,
    ring: Ring,
    attach: Choice,
    last: Counts,
    touched: Option<Instant>,
}

impl Watch {
    /// Reads everything there is. The ring gets its space back only after the alerts of a batch are with every sink.
    fn take(&mut self, stream: &mut Stream) {
        loop {
            let mut canary = false;
            let count = self.ring.drain(BATCH, |record| canary |= stream.record(record));
            self.ring.publish();
            if canary {
                self.touched = None;
            }
            if count == 0 {
                return;
            }
        }
    }

    fn touch(&mut self) {
        if let Err(error) = self.detector.touch_canary() {
            warn!(%error, "the canary cannot be opened; whether detection works is unknown until it can");
            return;
        }
        self.touched = Some(Instant::now());
    }

    /// Once a second: losses are told where they happened, and a canary that stayed away is acted on.
    fn count(&mut self, stream: &mut Stream) {
        match self.detector.counts() {
            Ok(counts) => {
                tell_losses(&self.last, &counts);
                self.last = counts;
            }
            Err(error) => warn!(%error, "the kernel's counters cannot be read"),
        }
        if self.touched.is_some_and(|touched| touched.elapsed() > CANARY_DEADLINE) {
            self.touched = None;
            error!(method = %stream.method, "the canary was opened and not seen: detection is blind; attaching again");
            match self.detector.reattach(self.attach, &mut self.ring, |record| {
                stream.record(record);
            }) {
                Ok(()) => stream.method = self.detector.report().method,
                Err(error) => error!(%error, "detection is blind"),
            }
        }
    }
}

fn tell_losses(before: &Counts, now: &Counts) {
    for (counter, remedy) in [
        (Counter::Dropped, "the ring was full: accesses came faster than they could be read"),
        (Counter::ArmFailed, "the kernel's trap table is full or memory is short"),
    ] {
        let lost = now.get(counter).saturating_sub(before.get(counter));
        if lost > 0 {
            error!(lost, total = now.get(counter), counter = counter.name(), remedy, "accesses may have gone unreported");
        }
    }
    let missed = now.missed.unwrap_or(0).saturating_sub(before.missed.unwrap_or(0));
    if missed > 0 {
        error!(missed, total = now.missed, "the kernel skipped the program: opens went unseen; boot with `bpf` in the lsm= list");
    }
}
