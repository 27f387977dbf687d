//! With the stream where fanotify keeps watch: from its events to the sinks, and the watch over it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{error, info, warn};

use super::{
    Seen, Shared,
    gaps::Gaps,
    records::{CANARY, COUNT},
    status::remedy,
    stream::Stream,
};
use crate::{
    alert::GapCause,
    kernel::{
        CANARY_DEADLINE, Hook,
        fanotify::{Detector, Losses},
    },
};

/// Between two touches of a canary that is not seen.
const BLIND_RETRY: Duration = Duration::from_secs(5);

pub(super) async fn run(shared: Arc<Shared>, mut stream: Stream, mut detector: Detector, mut stopping: watch::Receiver<bool>) {
    let mut health = Health::default();
    let mut count = interval(COUNT);
    let mut canary = interval(CANARY);
    for timer in [&mut count, &mut canary] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    canary.reset();
    loop {
        // In this order: a flood of events must not keep the agent from stopping, counting or looking after itself.
        let read = tokio::select! {
            biased;
            _ = stopping.changed() => {
                if let Err(error) = detector.drain(|access| stream.event(access)) {
                    error!(%error, "the last events cannot be read; report this with the kernel's version");
                }
                stream.decide(true);
                health.count(&detector);
                stream.gaps(health.gaps.due(true));
                stream.commit();
                return;
            }
            _ = count.tick() => {
                if shared.health.is_ready() {
                    stream.recall();
                }
                health.count(&detector);
                health.look(&mut detector);
                stream.decide(false);
                stream.gaps(health.gaps.due(false));
                shared.beat(Seen { method: stream.detector, counts: None, hooks: vec![(Hook::FileOpen.name(), stream.detector, true)], blind: health.blind });
                Ok(())
            }
            _ = canary.tick() => {
                health.touch(&mut detector);
                Ok(())
            }
            () = shared.found.notified() => {
                let holders = shared.holders();
                let drained = detector.drain(|access| stream.event(access));
                stream.held(&holders);
                drained
            }
            read = detector.next(|access| stream.event(access)) => read,
        };
        stream.commit();
        if let Err(error) = read {
            error!(%error, "events cannot be read any more; start the agent again");
            return;
        }
    }
}

/// What was lost, and what the last touch of the canary came to.
#[derive(Default)]
struct Health {
    last: Losses,
    touched: Option<Instant>,
    blind: bool,
    gaps: Gaps,
}

impl Health {
    /// Losses are told where they happened.
    fn count(&mut self, detector: &Detector) {
        let now = detector.losses();
        if now.overflows > self.last.overflows {
            let cause = "the queue was full: accesses came faster than they could be read";
            let limit = "/proc/sys/fs/fanotify/max_queued_events";
            let times = now.overflows - self.last.overflows;
            error!(times, total = now.overflows, cause, limit, remedy = remedy(GapCause::QueueFull), "accesses went unreported");
            self.gaps.notice(GapCause::QueueFull, times);
        }
        if now.unreadable > self.last.unreadable {
            let lost = now.unreadable - self.last.unreadable;
            let cause = "the kernel could not open the decoy for the agent: descriptors or memory are short";
            error!(lost, total = now.unreadable, cause, remedy = remedy(GapCause::NotOpened), "accesses went unreported");
            self.gaps.notice(GapCause::NotOpened, lost);
        }
        self.last = now;
    }

    fn touch(&mut self, detector: &mut Detector) {
        if self.touched.is_some() {
            return;
        }
        match detector.touch_canary() {
            Ok(()) => self.touched = Some(Instant::now()),
            Err(error) => warn!(%error, "the canary cannot be opened; whether detection works is unknown until it can"),
        }
    }

    /// Its event stands behind all others in the queue: an event of a flood that is late is no blindness, but nobody can tell the two
    /// apart while none comes.
    fn look(&mut self, detector: &mut Detector) {
        let Some(touched) = self.touched else { return };
        if detector.canary_seen() {
            self.touched = None;
            if std::mem::take(&mut self.blind) {
                info!("the canary is seen again");
            }
            return;
        }
        let patience = if self.blind { BLIND_RETRY } else { CANARY_DEADLINE };
        if touched.elapsed() > patience {
            error!("the canary was opened and its event has not come: detection is late or blind; trying again");
            self.blind = true;
            self.gaps.notice(GapCause::Blind, 1);
            self.touched = None;
            if let Err(error) = detector.renew_canary() {
                error!(%error, remedy = remedy(GapCause::Blind), "detection is blind");
            }
            self.touch(detector);
        }
    }
}
