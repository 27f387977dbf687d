//! With the stream: from the ring to the sinks.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::error;

use super::{Shared, stream::Stream, watch::Watch};
use crate::kernel::{Choice, Detector, Rings};

/// Between two looks at the counters.
pub(super) const COUNT: Duration = Duration::from_secs(1);
/// Between two touches of the canary.
pub(super) const CANARY: Duration = Duration::from_secs(30);

/// Rounds of reading before descriptors that were found are told: a flood must not hold them up for ever.
const DRAINS: u32 = 64;

pub(super) async fn run(
    shared: Arc<Shared>,
    mut stream: Stream,
    detector: Detector,
    rings: Rings,
    attach: Choice,
    mut stopping: watch::Receiver<bool>,
) {
    let mut watch = Watch::new(detector, rings, attach);
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
                watch.finish(&mut stream);
                return;
            }
            _ = count.tick() => {
                watch.count(&mut stream);
                shared.beat(watch.seen(stream.detector));
                if watch.is_relieved() {
                    watch.release(&mut stream);
                    break;
                }
            }
            _ = canary.tick() => watch.touch(),
            () = shared.looked.notified() => {
                watch.take_over(&mut stream);
                stream.decide(false);
                watch.unrecorded(&mut stream);
                watch.inform(&mut stream);
            }
            () = shared.found.notified() => {
                let holders = shared.holders();
                for _ in 0..DRAINS {
                    if !watch.take(&mut stream) {
                        break;
                    }
                }
                stream.held(&holders);
            }
            readable = watch.readable() => {
                if let Err(error) = readable {
                    error!(%error, "the ring cannot be waited for; start the agent again");
                    return;
                }
                if watch.is_relieved() {
                    watch.release(&mut stream);
                    break;
                }
                watch.take(&mut stream);
            }
        }
        stream.commit();
    }
    // The sinks still have what was told.
    shared.health.rest();
    let _stopping = stopping.changed().await;
}
