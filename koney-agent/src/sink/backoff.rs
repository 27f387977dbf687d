//! When to try again.
//!
//! Two schedules: one for trouble that passes by itself, one for trouble that a person has to mend. Both are forgotten after a success.

use std::time::Duration;

/// The longest that a receiver can make us wait: a hint of a year would be silence.
const LONGEST_HINT: Duration = Duration::from_hours(1);

/// Bounds of an exponential schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Upper end of the first wait.
    pub first: Duration,
    /// Upper end of every wait.
    pub cap: Duration,
}

/// Both schedules of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedules {
    /// For trouble that passes by itself.
    pub fast: Schedule,
    /// For trouble that a person has to mend.
    pub slow: Schedule,
}

/// Where one sink stands in its schedules.
#[derive(Debug)]
pub(super) struct Backoff {
    schedules: Schedules,
    fast_failures: u32,
    slow_failures: u32,
}

impl Default for Schedules {
    fn default() -> Self {
        Self {
            fast: Schedule { first: Duration::from_secs(1), cap: Duration::from_mins(1) },
            slow: Schedule { first: Duration::from_secs(30), cap: Duration::from_mins(15) },
        }
    }
}

impl Backoff {
    pub(super) fn new(schedules: Schedules) -> Self {
        Self { schedules, fast_failures: 0, slow_failures: 0 }
    }

    /// Full jitter: all nodes of a cluster lose the receiver in the same second and must not come back in the same one.
    pub(super) fn next_fast(&mut self, hint: Option<Duration>) -> Duration {
        let ceiling = self.schedules.fast.ceiling(self.fast_failures);
        self.fast_failures = self.fast_failures.saturating_add(1);
        ceiling.mul_f64(fastrand::f64()).max(hint.unwrap_or_default().min(LONGEST_HINT))
    }

    /// Little jitter: with full jitter a rejected token would be shown again within a moment.
    pub(super) fn next_slow(&mut self) -> Duration {
        let ceiling = self.schedules.slow.ceiling(self.slow_failures);
        self.slow_failures = self.slow_failures.saturating_add(1);
        ceiling.mul_f64(1.0 - 0.2 * fastrand::f64())
    }

    pub(super) fn reset(&mut self) {
        (self.fast_failures, self.slow_failures) = (0, 0);
    }
}

impl Schedule {
    fn ceiling(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let Schedules { fast, slow } = Schedules::default();
        let ceilings = |schedule: Schedule| (0..8).map(|n| schedule.ceiling(n).as_secs()).collect::<Vec<_>>();
        assert_eq!(ceilings(fast), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(ceilings(slow), [30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(fast.ceiling(u32::MAX), fast.cap);
    }

    #[test]
    fn waits_stay_within_their_bounds() {
        for _ in 0..200 {
            let mut backoff = Backoff::new(Schedules::default());
            for failures in 0..8 {
                assert!(backoff.next_fast(None) <= Schedules::default().fast.ceiling(failures));
                let ceiling = Schedules::default().slow.ceiling(failures);
                let wait = backoff.next_slow();
                assert!(wait <= ceiling && wait >= ceiling.mul_f64(0.79), "{wait:?}");
            }
        }
    }

    #[test]
    fn hints_are_obeyed_and_bounded() {
        let mut backoff = Backoff::new(Schedules::default());
        let asked = Duration::from_mins(2);
        assert_eq!(backoff.next_fast(Some(asked)), asked);
        assert_eq!(backoff.next_fast(Some(Duration::from_secs(u64::MAX))), LONGEST_HINT);
    }

    #[test]
    fn a_success_starts_over() {
        let mut backoff = Backoff::new(Schedules::default());
        for _ in 0..10 {
            backoff.next_fast(None);
            backoff.next_slow();
        }
        backoff.reset();
        assert!(backoff.next_fast(None) <= SECOND);
        assert!(backoff.next_slow() <= 30 * SECOND);
    }
}
