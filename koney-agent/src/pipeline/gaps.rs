//! Gaps in coverage: each cause is told at once, and then once a minute with what has come together.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::alert::{Gap, GapCause};

/// Between two alerts of one cause.
const PAUSE: Duration = Duration::from_mins(1);

/// What was noticed and not told yet, by cause.
#[derive(Default)]
pub(super) struct Gaps {
    causes: BTreeMap<GapCause, Noticed>,
}

#[derive(Default)]
struct Noticed {
    untold: u64,
    told: Option<Instant>,
}

impl Gaps {
    pub(super) fn notice(&mut self, cause: GapCause, count: u64) {
        let noticed = self.causes.entry(cause).or_default();
        noticed.untold = noticed.untold.saturating_add(count);
    }

    /// What is to be told now; everything where the agent is about to end (`all`).
    pub(super) fn due(&mut self, all: bool) -> Vec<Gap> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (cause, noticed) in &mut self.causes {
            let paused = noticed.told.is_none_or(|told| now.duration_since(told) >= PAUSE);
            if noticed.untold > 0 && (all || paused) {
                due.push(Gap { cause: *cause, count: std::mem::take(&mut noticed.untold) });
                noticed.told = Some(now);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_gap_is_told_at_once_and_the_rest_comes_together() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.due(false), []);
        gaps.notice(GapCause::RingFull, 5);
        assert_eq!(gaps.due(false), [Gap { cause: GapCause::RingFull, count: 5 }]);
        gaps.notice(GapCause::RingFull, 2);
        gaps.notice(GapCause::Blind, 1);
        assert_eq!(gaps.due(false), [Gap { cause: GapCause::Blind, count: 1 }], "another cause does not wait");
        gaps.notice(GapCause::RingFull, 3);
        tokio::time::advance(PAUSE).await;
        assert_eq!(gaps.due(false), [Gap { cause: GapCause::RingFull, count: 5 }]);
        gaps.notice(GapCause::RingFull, 1);
        assert_eq!(gaps.due(true), [Gap { cause: GapCause::RingFull, count: 1 }]);
    }
}
