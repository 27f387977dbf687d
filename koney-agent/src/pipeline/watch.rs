//! The watch over the stream: is everything counted, does the kernel still see.

use std::{io, time::Duration};

use koney_common::{Counter, TrapKey};
use tokio::{task::block_in_place, time::Instant};
use tracing::{error, info, warn};

use super::{
    Seen,
    former::Formers,
    gaps::Gaps,
    status::remedy,
    stream::{Stream, Verdict},
};
use crate::{
    alert::{Gap, GapCause},
    kernel::{CANARY_DEADLINE, Choice, Counts, Detector, HookFailure, Method, Rings, pins::Former},
    workload::Clock,
};

/// Records per batch: the ring gets their space back together.
const BATCH: usize = 256;
/// Batches taken before anything else gets its turn.
const BATCHES: usize = 16;
/// How long another agent may take from saying that it takes over to doing so: two stores.
const LEAVING: Duration = Duration::from_secs(5);
/// Between two attempts to attach again while detection is blind.
const BLIND_RETRY: Duration = Duration::from_secs(5);

/// The detector with its ring, and what is known of its health.
pub(super) struct Watch {
    detector: Detector,
    rings: Rings,
    attach: Choice,
    last: Counts,
    gaps: Gaps,
    canary: Canary,
    /// Candidates without a record that were looked up.
    looked_up: u64,
    /// What earlier agents have left; none before this one has taken over.
    formers: Option<Formers>,
    /// Denied opens are asked for.
    denied: bool,
    /// When another agent was first seen to be about to take over.
    leaving: Option<Instant>,
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
    pub(super) fn new(detector: Detector, rings: Rings, attach: Choice) -> Self {
        Self {
            detector,
            rings,
            attach,
            last: Counts::default(),
            gaps: Gaps::default(),
            canary: Canary::Seen,
            looked_up: 0,
            formers: None,
            denied: false,
            leaving: None,
        }
    }

    /// Once the decoys are armed: from here on this agent's programs tell, and what earlier agents have left is read.
    pub(super) fn take_over(&mut self, stream: &mut Stream) {
        if self.formers.is_some() {
            return;
        }
        let from = Clock.boot_ns();
        let formers = self.detector.take_over();
        if !formers.is_empty() {
            info!(agents = formers.len(), "taking over from an agent that was here before");
            stream.overlaps(from);
        }
        let now = Clock.boot_ns();
        self.detector.beat(now);
        if let Some(since) = formers.iter().filter_map(Former::unwatched_since).max() {
            let seconds = now.saturating_sub(since).div_ceil(1_000_000_000).max(1);
            let (cause, remedy) = ("the programs ended with the agent before this one", remedy(GapCause::NoAgent));
            error!(seconds, cause, remedy, "accesses in this time went unseen");
            self.gaps.notice(GapCause::NoAgent, seconds);
        }
        let mut formers = Formers::new(formers);
        formers.read(stream);
        self.formers = Some(formers);
        stream.recall();
    }

    /// A younger agent takes over, or has. One that only meant to has died in that moment.
    fn is_leaving(&mut self) -> bool {
        if self.is_relieved() {
            return true;
        }
        if self.formers.is_none() || !self.detector.is_relieving() {
            self.leaving = None;
            return false;
        }
        if self.leaving.get_or_insert_with(Instant::now).elapsed() > LEAVING {
            warn!("another agent was about to take over and has not; this one goes on");
            self.detector.stay();
            self.leaving = None;
            return false;
        }
        true
    }

    /// A younger agent has taken over: what is left is told, and nothing more is looked at.
    pub(super) fn is_relieved(&self) -> bool {
        self.formers.is_some() && self.detector.is_relieved()
    }

    /// Tells the rest, and lets the younger agent have what is pinned.
    pub(super) fn release(&mut self, stream: &mut Stream) {
        self.finish(stream);
        self.detector.release();
        warn!("another agent has taken over; this one is idle until it is told to stop");
    }

    /// Reads and tells all there is.
    pub(super) fn finish(&mut self, stream: &mut Stream) {
        while self.take(stream) {}
        stream.decide(true);
        self.count(stream);
        self.tell(stream, true);
        stream.commit();
    }

    /// Cancel safe.
    pub(super) async fn readable(&mut self) -> io::Result<()> {
        let Rings { records, candidates } = &mut self.rings;
        tokio::select! {
            biased;
            ready = records.readable() => ready,
            ready = candidates.readable() => ready,
        }
    }

    /// Reads some of what there is; true where there is more. A ring gets its space back only after the alerts of a batch are with
    /// every sink.
    ///
    /// Once a younger agent has silenced the programs, what is in the rings is left to it: an access that was under way then may be in both
    /// agents' rings, and only who has both can tell it once.
    pub(super) fn take(&mut self, stream: &mut Stream) -> bool {
        let mut more = false;
        for _ in 0..BATCHES {
            // Before what was told otherwise is mixed up with what may be left to another agent.
            stream.commit();
            let mut canary = false;
            let count = self.rings.records.drain(BATCH, |record| canary |= stream.record(record));
            // Asked after reading: what the younger agent's programs have seen too comes after it has said that it comes.
            if self.is_leaving() {
                stream.discard();
                self.rings.records.rewind();
                return false;
            }
            stream.commit();
            self.rings.records.publish();
            if canary {
                self.canary = Canary::Seen;
            }
            more = count == BATCH;
            if !more {
                break;
            }
        }
        // One batch: what is armed comes first.
        let candidates = self.rings.candidates.drain(BATCH, |record| {
            stream.record(record);
        });
        if self.is_leaving() {
            stream.discard();
            self.rings.candidates.rewind();
            return false;
        }
        stream.commit();
        self.rings.candidates.publish();
        self.inform(stream);
        more || candidates == BATCH || self.rings.records.has_more()
    }

    /// Tells the kernel what was decided about files with a decoy's name.
    pub(super) fn inform(&mut self, stream: &mut Stream) {
        let candidates = self.detector.candidates();
        // Before what is refused now.
        if stream.is_to_forget()
            && let Err(error) = candidates.forget_refusals()
        {
            warn!(%error, "refusals cannot be taken back; a decoy that is made anew in a container that had none may go unseen");
        }
        for verdict in stream.verdicts() {
            match verdict {
                Verdict::Trap(trap, file) => candidates.promote(trap, file),
                Verdict::Refused(cgroup, file) => candidates.refuse(cgroup, file),
                Verdict::NoneInCgroup(cgroup, file) => {
                    candidates.refuse(cgroup, TrapKey::default());
                    candidates.settle(file);
                }
            }
        }
    }

    /// What the kernel programs counted, and which of them see.
    pub(super) fn seen(&self, method: &'static str) -> Seen {
        Seen {
            method,
            counts: Some(self.last),
            hooks: self.detector.hooks().map(|(hook, by, attached)| (hook.name(), by, attached)).collect(),
            blind: matches!(self.canary, Canary::Blind { .. }),
        }
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
                self.detector.note_dropped(counts.get(Counter::Dropped));
                self.detector.beat(Clock.boot_ns());
                self.last = counts;
            }
            Err(error) => warn!(%error, "the kernel's counters cannot be read; report this with the kernel's version"),
        }
        if let Some(formers) = self.formers.as_mut().filter(|formers| !formers.is_empty()) {
            formers.read(stream);
        }
        self.sweep(stream);
        self.watch_denied(stream);
        self.tell(stream, false);
        match self.canary {
            Canary::Touched { at, seen } if at.elapsed() > CANARY_DEADLINE => self.overdue(stream, seen),
            Canary::Blind { since } if since.elapsed() > BLIND_RETRY => self.attach_again(stream),
            _ => {}
        }
    }

    fn watch_denied(&mut self, stream: &Stream) {
        let wanted = stream.wants_denied();
        if self.denied == wanted {
            return;
        }
        self.denied = wanted;
        let watched = block_in_place(|| self.detector.watch_denied(wanted));
        stream.denied(wanted.then(|| watched.clone()));
        match watched {
            Ok(()) => info!(watched = wanted, "attempts that the kernel denies"),
            Err(HookFailure { hook, reason }) => {
                let remedy = "take `koney/denied-attempts` off the policy, or use a newer kernel";
                warn!(%hook, reason, unseen = hook.cost(), remedy, "a policy asks for denied attempts, which cannot be watched on this kernel");
            }
        }
    }

    /// What found no room in the ring, and candidates that are none any more.
    fn sweep(&mut self, stream: &mut Stream) {
        // After the ring, so that the first of two touches is told first.
        self.take(stream);
        match self.detector.slots().take() {
            Ok(slots) => slots.iter().for_each(|(trap, slot)| stream.kept(*trap, slot)),
            Err(error) => warn!(%error, "what was kept while the ring was full cannot be read; trying again"),
        }
        stream.decide(false);
        self.inform(stream);
        if let Err(error) = self.detector.candidates().sweep() {
            warn!(%error, "the candidates cannot be read; opens of their gate's slots cost a little more");
        }
    }

    /// Files that were armed by their name without a record, because there were too many: they are looked up now that the decoys have
    /// been looked at.
    pub(super) fn unrecorded(&mut self, stream: &mut Stream) {
        let unrecorded = |counts: &Counts| counts.get(Counter::CandidatesFolded) + counts.get(Counter::CandidatesDropped);
        let now = unrecorded(&self.last);
        if now == self.looked_up {
            return;
        }
        self.looked_up = now;
        match self.detector.candidates().read() {
            Ok(candidates) => candidates.iter().for_each(|(key, candidate)| stream.unrecorded(*key, candidate)),
            Err(error) => warn!(%error, "the candidates cannot be read; trying again"),
        }
    }

    /// Tells of gaps in coverage, and of what processes did again after their first access once they have paused; all of it where
    /// the agent is about to end.
    pub(super) fn tell(&mut self, stream: &mut Stream, all: bool) {
        stream.gaps(self.gaps.due(all));
        let summaries = stream.bursts.end(self.detector.repeats(), Clock.boot_ns(), all);
        stream.deliver(&summaries);
        match self.detector.crowds().read() {
            Ok(windows) => {
                let summaries = stream.crowds.due(&windows, Clock.boot_ns(), all);
                stream.deliver(&summaries);
            }
            Err(error) => warn!(%error, "what was folded cannot be read; trying again"),
        }
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
        let Self { detector, rings, attach, .. } = self;
        let again = block_in_place(|| {
            detector.reattach(*attach, &mut rings.records, |record| {
                stream.record(record);
            })
        });
        match again {
            Ok(()) => {
                stream.attached(self.detector.report().into());
                self.canary = Canary::Seen;
                // The counts of another program start anew.
                self.last.missed = None;
            }
            Err(error) => {
                error!(%error, remedy = remedy(GapCause::Blind), "detection is blind");
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
            error!(
                count,
                total = now.get(counter),
                cause = cause.text(),
                remedy = remedy(cause),
                "accesses may have gone unreported"
            );
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
