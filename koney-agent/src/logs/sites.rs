//! Places in the code that log, each with a bucket of lines: a flood of one thing hides no other, and fills no disk.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{Level, Metadata, callsite::Identifier};

/// Lines that a place may write at once.
const BURST: u32 = 50;
/// After which it may write one more.
const REFILL: Duration = Duration::from_millis(200);

/// As many buckets as there are places.
#[derive(Default)]
pub(super) struct Sites(Mutex<HashMap<Identifier, Bucket>>);

/// Whether a place may write now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may, and this many lines of it were left out since it last did.
    Speak { suppressed: u64 },
    /// It may not.
    Silent,
}

struct Bucket {
    lines: u32,
    filled: Instant,
    suppressed: u64,
}

impl Sites {
    /// Who asked for debug wants all of it.
    pub(super) fn turn(&self, site: &Metadata<'_>, now: Instant) -> Turn {
        if *site.level() > Level::INFO {
            return Turn::Speak { suppressed: 0 };
        }
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = sites.entry(site.callsite()).or_insert(Bucket { lines: BURST, filled: now, suppressed: 0 });
        bucket.turn(now)
    }
}

impl Bucket {
    fn turn(&mut self, now: Instant) -> Turn {
        let passed = now.saturating_duration_since(self.filled).as_millis() / REFILL.as_millis();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.lines = self.lines.saturating_add(passed).min(BURST);
        self.filled = if self.lines == BURST { now } else { self.filled + REFILL * passed };
        let Some(left) = self.lines.checked_sub(1) else {
            self.suppressed += 1;
            return Turn::Silent;
        };
        self.lines = left;
        Turn::Speak { suppressed: std::mem::take(&mut self.suppressed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_short_and_counted() {
        let start = Instant::now();
        let mut bucket = Bucket { lines: BURST, filled: start, suppressed: 0 };
        let spoken = (0..1000).filter(|_| bucket.turn(start) != Turn::Silent).count();
        assert_eq!(spoken, BURST as usize);
        assert_eq!(bucket.turn(start + REFILL), Turn::Speak { suppressed: 950 });
        assert_eq!(bucket.turn(start + REFILL), Turn::Silent);
        // It comes again as often as the bucket is filled, whatever the rhythm.
        let later = (1..=100).filter(|step| bucket.turn(start + REFILL + REFILL * *step / 2) != Turn::Silent).count();
        assert_eq!(later, 50);
        assert_eq!(bucket.turn(start + REFILL * 10_000), Turn::Speak { suppressed: 0 });
    }
}
