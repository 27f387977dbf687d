//! The watch over the stream: is everything counted, does the kernel still see.

use std::{io, time::Duration};

use koney_common::Counter;
use tokio::{task::block_in_place, time::Instant};
use tracing::{error, warn};

use super::{gaps::Gaps, stream::Stream};
use crate::{
    alert::{Gap, GapCause},
    kernel::{CANARY_DEADLINE, Choice, Counts, Detector, Method, Ring},
    workload::Clock,
};

/// Records per batch: the ring gets their space back together.
const BATCH: usize = 256;
/// Batches taken before anything else gets its turn.
const BATCHES: usize = 16;
/// Between two attempts to attach again while detection is blind.
const BLIND_RETRY: Duration = Duration::from_secs(5);

/// The detector with its ring, and what is known of its health.
pub(super) struct Watch {
    detector: Detector,
    ring: Ring,
    attach: Choice,
    last: Counts,
    gaps: Gaps,
    canary: Canary,
}

/// What the last touch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Canary {
    /// Its record came out.
    Seen,
    /// Touched, with how often the programs had seen it before.
    Touched { at: Instant, seen: u64 },
    /// Its record stayed away and no method fires.
    Blind { since: Instant },
}

impl Watch {
    pub(super) fn new(detector: Detector, ring: Ring, attach: Choice) -> Self {
        Self { detector, ring, attach, last: Counts::default(), gaps: Gaps::default(), canary: Canary::Seen }
    }

    /// Cancel safe.
    pub(super) async fn readable(&mut self) -> io::Result<()> {
        self.ring.readable().await
    }

    /// Reads some of what there is; true where there is more. The ring gets its space back only after the alerts of a batch are with
    /// every sink.
    pub(super) fn take(&mut self, stream: &mut Stream) -> bool {
        for _ in 0..BATCHES {
            let mut canary = false;
            let count = self.ring.drain(BATCH, |record| canary |= stream.record(record));
            self.ring.publish();
            if canary {
                self.canary = Canary::Seen;
            }
            if count < BATCH {
                return false;
            }
        }
        self.ring.has_more()
    }

    pub(super) fn touch(&mut self) {
        if self.canary != Canary::Seen {
            return;
        }
        let seen = self.last.get(Counter::Canary);
        match self.detector.touch_canary() {
            Ok(()) => self.canary = Canary::Touched { at: Instant::now(), seen },
            Err(error) => warn!(%error, "the canary cannot be opened; whether detection works is unknown until it can"),
        }
    }

    /// Once a second: losses are told where they happened, and a canary that stayed away is acted on.
    pub(super) fn count(&mut self, stream: &mut Stream) {
        match self.detector.counts() {
            Ok(counts) => {
                for gap in losses(self.detector.report().method, &self.last, &counts) {
                    self.gaps.notice(gap.cause, gap.count);
                }
                self.last = counts;
            }
            Err(error) => warn!(%error, "the kernel's counters cannot be read"),
        }
        self.tell(stream, false);
        match self.canary {
            Canary::Touched { at, seen } if at.elapsed() > CANARY_DEADLINE => self.overdue(stream, seen),
            Canary::Blind { since } if since.elapsed() > BLIND_RETRY => self.attach_again(stream),
            _ => {}
        }
    }

    /// Tells of gaps in coverage, and of what processes did again after their first access once they have paused; all of it where
    /// the agent is about to end.
    pub(super) fn tell(&mut self, stream: &mut Stream, all: bool) {
        stream.gaps(self.gaps.due(all));
        let summaries = stream.bursts.end(self.detector.repeats(), Clock.boot_ns(), all);
        stream.deliver(&summaries);
    }

    /// The record may only be late: behind others, behind one whose writer was put to sleep, or dropped by a full ring. The programs
    /// are at fault only where they have not seen it; anything else would let whoever floods the ring have the agent
    /// detach itself.
    fn overdue(&mut self, stream: &mut Stream, seen_before: u64) {
        self.take(stream);
        if self.canary == Canary::Seen {
            return;
        }
        if self.last.get(Counter::Canary) > seen_before {
            warn!("the canary's record is late: the ring is full, or a record in it is not finished; alerts may be late too");
            self.canary = Canary::Seen;
            return;
        }
        error!(method = stream.detector, "the canary was opened and not seen: detection is blind; attaching again");
        self.attach_again(stream);
    }

    fn attach_again(&mut self, stream: &mut Stream) {
        let Self { detector, ring, attach, .. } = self;
        let again = block_in_place(|| {
            detector.reattach(*attach, ring, |record| {
                stream.record(record);
            })
        });
        match again {
            Ok(()) => {
                stream.detector = self.detector.report().method.name();
                self.canary = Canary::Seen;
                // The counts of another program start anew.
                self.last.missed = None;
            }
            Err(error) => {
                error!(%error, "detection is blind");
                self.gaps.notice(GapCause::Blind, 1);
                self.canary = Canary::Blind { since: Instant::now() };
            }
        }
    }
}

/// Says what was lost since the last look, where it was lost.
fn losses(method: Method, before: &Counts, now: &Counts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (counter, cause) in [(Counter::Dropped, GapCause::RingFull), (Counter::ArmFailed, GapCause::NotArmed)] {
        let count = now.get(counter).saturating_sub(before.get(counter));
        if count > 0 {
            error!(count, total = now.get(counter), cause = cause.text(), "accesses may have gone unreported");
            gaps.push(Gap { cause, count });
        }
    }
    let count = now.missed.unwrap_or(0).saturating_sub(before.missed.unwrap_or(0));
    if count > 0 {
        let remedy = match method {
            Method::Fentry => "boot with `bpf` in the lsm= list",
            Method::Lsm => "update the kernel to 6.2 or later",
            Method::Kprobe => "look for other BPF programs on this node that run for long",
        };
        let cause = GapCause::ProgramSkipped;
        error!(count, total = now.missed, cause = cause.text(), remedy, "accesses may have gone unreported");
        gaps.push(Gap { cause, count });
    }
    gaps
}
