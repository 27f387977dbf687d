//! Bursts: the first access of a process is told at once, what it does again is told once, when the burst is over.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use koney_common::{Repeats, RepeatsKey};
use tracing::warn;

use crate::{
    alert::{self, Alert},
    event::Observation,
    kernel::RepeatsTable,
    workload::Clock,
};

/// A process that has paused for this long has ended its burst.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest burst that is told as one.
const LONGEST: Duration = Duration::from_mins(1);
/// First alerts kept for their summaries; a few kilobytes each.
const KEPT: usize = 2048;

/// The first alerts of the bursts under way.
#[derive(Default)]
pub(super) struct Bursts {
    firsts: HashMap<RepeatsKey, Vec<Arc<Alert>>>,
    order: VecDeque<RepeatsKey>,
    /// First accesses that are held: what is counted of them waits with them.
    waiting: HashSet<RepeatsKey>,
}

impl Bursts {
    /// Notes that a first access is held; [`Self::begin`] follows.
    pub(super) fn wait(&mut self, key: RepeatsKey) {
        self.waiting.insert(key);
    }

    /// Notes what was told of a first access.
    pub(super) fn begin(&mut self, key: RepeatsKey, alerts: Vec<Arc<Alert>>) {
        self.waiting.remove(&key);
        if self.firsts.insert(key, alerts).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.firsts.remove(&oldest);
            }
        }
    }

    /// Ends the bursts that are over (or all of them) and gives their summaries.
    pub(super) fn end(&mut self, table: &mut RepeatsTable, now_ns: u64, all: bool) -> Vec<Arc<Alert>> {
        let counted = match table.read() {
            Ok(counted) => counted,
            Err(error) => {
                warn!(%error, "what was counted instead of recorded cannot be read; trying again");
                return Vec::new();
            }
        };
        let over = |(key, repeats): &(RepeatsKey, Repeats)| all || (is_over(repeats, now_ns) && !self.waiting.contains(key));
        let over: Vec<_> = counted.into_iter().filter(over).collect();
        let closed: Vec<_> = over.into_iter().filter_map(|(key, _)| Some((key, table.close(&key)?))).collect();
        closed.into_iter().flat_map(|(key, repeats)| self.summary(&key, &repeats)).collect()
    }

    /// The first access of the burst is remembered.
    pub(super) fn knows(&self, key: &RepeatsKey) -> bool {
        self.firsts.contains_key(key)
    }

    /// The summary of a burst that is over; none where its first access was told too long ago, or by an earlier agent.
    pub(super) fn summary(&mut self, key: &RepeatsKey, repeats: &Repeats) -> Vec<Arc<Alert>> {
        self.order.retain(|kept| kept != key);
        let firsts = self.firsts.remove(key);
        if repeats.count == 0 {
            return Vec::new();
        }
        let Some(firsts) = firsts else {
            warn!(
                init_pid = key.init_pid,
                count = repeats.count,
                "repeats of an access that was told too long ago to be named again; the alert of its process id names it"
            );
            return Vec::new();
        };
        firsts.iter().map(|first| Arc::new(alert::repeats(first, repeats, Clock))).collect()
    }
}

/// The key under which the kernel counts what follows.
pub(super) fn key(seen: &Observation) -> RepeatsKey {
    RepeatsKey {
        file: seen.key,
        start_time_ns: seen.subject.start_ns.unwrap_or(0),
        init_pid: seen.subject.init_pid,
        operation: u32::from(seen.operation.code()),
    }
}

fn is_over(repeats: &Repeats, now_ns: u64) -> bool {
    let since = |then: u64| Duration::from_nanos(now_ns.saturating_sub(then));
    since(repeats.last_ns) > PAUSE || since(repeats.first_ns) > LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_ends_with_a_pause_or_with_its_minute() {
        let repeats = Repeats { first_ns: SECOND, last_ns: 5 * SECOND, count: 9 };
        assert!(!is_over(&repeats, 6 * SECOND));
        assert!(!is_over(&repeats, 15 * SECOND));
        assert!(is_over(&repeats, 16 * SECOND));
        let endless = Repeats { last_ns: 70 * SECOND, ..repeats };
        assert!(is_over(&endless, 70 * SECOND));
    }

    #[test]
    fn what_is_kept_for_summaries_is_bounded() {
        let mut bursts = Bursts::default();
        let key = |pid: u32| RepeatsKey { init_pid: pid, ..RepeatsKey::default() };
        let alert = Arc::new(crate::alert::samples::on_host());
        for pid in 0..5000 {
            bursts.begin(key(pid), vec![Arc::clone(&alert)]);
        }
        assert_eq!((bursts.firsts.len(), bursts.order.len()), (KEPT, KEPT));
        assert!(!bursts.firsts.contains_key(&key(0)) && bursts.firsts.contains_key(&key(4999)));
    }
}
