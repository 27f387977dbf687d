//! Ready once and for all, and alive as long as records are read.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A record task that has not come round for so long hangs.
const SILENCE: Duration = Duration::from_mins(1);
/// It is not expected to come round any more.
const AT_REST: u64 = u64::MAX;

/// What has to be done before the agent is ready; each is done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// The kernel's programs, or fanotify, were seen to fire.
    Attached = 1,
    /// The policies are known.
    Policies = 2,
    /// The pods of this node are known; without a cluster there is nothing to know.
    Pods = 4,
    /// Every decoy was looked at.
    Traps = 8,
}

impl Step {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Attached, "attached"), (Self::Policies, "policies"), (Self::Pods, "pods"), (Self::Traps, "traps")];
}

/// How far the agent is.
#[derive(Debug)]
pub struct Health {
    done: AtomicU8,
    start: Instant,
    /// When the record task came round last, in milliseconds since the start.
    beat: AtomicU64,
}

impl Default for Health {
    fn default() -> Self {
        Self { done: AtomicU8::new(0), start: Instant::now(), beat: AtomicU64::new(0) }
    }
}

impl Health {
    /// Notes that a step is done.
    pub fn done(&self, step: Step) {
        self.done.fetch_or(step as u8, Ordering::Relaxed);
    }

    /// The record task has come round.
    pub fn beat(&self) {
        self.beat.store(self.milliseconds(), Ordering::Relaxed);
    }

    /// The record task is done, and the agent only waits to be stopped.
    pub fn rest(&self) {
        self.beat.store(AT_REST, Ordering::Relaxed);
    }

    /// Records are read, as far as there are any.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let silence = self.milliseconds().saturating_sub(self.beat.load(Ordering::Relaxed));
        Duration::from_millis(silence) <= SILENCE
    }

    /// Everything is done that has to be done before accesses are seen and told of.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        Step::ALL.iter().all(|(step, _)| self.is_done(*step))
    }

    /// Each step, and whether it is done.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, bool)> {
        Step::ALL.iter().map(|(step, name)| (*name, self.is_done(*step)))
    }

    /// The same for people.
    pub(super) fn report(&self) -> String {
        self.steps().fold(String::new(), |mut report, (name, done)| {
            writeln!(report, "[{}] {name}", if done { '+' } else { '-' }).expect("a string takes what is written");
            report
        })
    }

    fn is_done(&self, step: Step) -> bool {
        self.done.load(Ordering::Relaxed) & step as u8 != 0
    }

    fn milliseconds(&self) -> u64 {
        self.start.elapsed().as_millis().try_into().unwrap_or(AT_REST - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_all_is_done_and_stays_so() {
        let health = Health::default();
        for step in [Step::Policies, Step::Pods, Step::Traps] {
            health.done(step);
            assert!(!health.is_ready());
        }
        assert_eq!(health.report(), "[-] attached\n[+] policies\n[+] pods\n[+] traps\n");
        health.done(Step::Attached);
        health.done(Step::Attached);
        assert!(health.is_ready());
    }

    #[test]
    fn a_record_task_that_hangs_is_noticed_and_one_that_rests_is_not_missed() {
        let Some(long_ago) = Instant::now().checked_sub(SILENCE * 2) else { return };
        let health = Health { start: long_ago, ..Health::default() };
        assert!(!health.is_alive());
        health.beat();
        assert!(health.is_alive());
        health.beat.store(0, Ordering::Relaxed);
        health.rest();
        assert!(health.is_alive());
    }
}
