//! From the kernel's time since boot to the wall clock.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The difference between the two clocks, taken anew for every conversion: the wall clock is set while a machine runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// When something that the kernel stamped with `CLOCK_BOOTTIME` happened.
    #[must_use]
    pub fn wall(self, boot_ns: u64) -> Timestamp {
        at(boot_ns, self.boot_ns(), Timestamp::now())
    }

    /// Nanoseconds since boot (`CLOCK_BOOTTIME`), now.
    #[must_use]
    pub fn boot_ns(self) -> u64 {
        nanoseconds(clock_gettime(ClockId::Boottime))
    }
}

fn at(boot_ns: u64, now_boot_ns: u64, now: Timestamp) -> Timestamp {
    let age = i64::try_from(i128::from(now_boot_ns) - i128::from(boot_ns)).unwrap_or(0);
    now.checked_sub(SignedDuration::from_nanos(age)).unwrap_or(now)
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_record_is_taken_off_the_wall_clock() {
        let now: Timestamp = "2025-07-18T19:39:11.5Z".parse().expect("a time");
        assert_eq!(at(1_000_000_000, 3_250_000_000, now).to_string(), "2025-07-18T19:39:09.25Z");
        assert_eq!(at(u64::MAX, 0, now), now, "a stamp beyond reason is as good as now");
    }
}
