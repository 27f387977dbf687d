//! What the record task counts for metrics. Names come from policies and from this code, never from a process.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::metrics::histogram::Histogram;

use crate::{
    admin::Facts,
    alert::{Accessor, Alert, GapCause, Owner},
    journal::RecordId,
};

/// Seconds from an access to its alert: the first say how fast it goes, the last how long it was held.
const DELAYS: [f64; 10] = [0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Accesses whose waiting is measured at a time; whoever makes more be held is an intruder who floods.
const MOST: usize = 4096;
/// What an alert may lack.
const MISSES: [&str; 6] = ["container", "process", "executable", "arguments", "cwd", "parent"];

/// The counts.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) unreadable: Count,
    pub(super) stale: Count,
    pub(super) expected: Count,
    pub(super) planting: Count,
    misses: [Count; MISSES.len()],
    alerts: Mutex<BTreeMap<String, u64>>,
    gaps: Mutex<BTreeMap<GapCause, u64>>,
    delay: Histogram,
    held: Mutex<HashMap<RecordId, Instant>>,
    held_for: Histogram,
}

/// One that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// Adds, and gives the sum.
    pub(super) fn add(&self, count: u64) -> u64 {
        self.0.fetch_add(count, Ordering::Relaxed) + count
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            unreadable: Count::default(),
            stale: Count::default(),
            expected: Count::default(),
            planting: Count::default(),
            misses: Default::default(),
            alerts: Mutex::default(),
            gaps: Mutex::default(),
            delay: Histogram::new(DELAYS),
            held: Mutex::default(),
            held_for: Histogram::new(DELAYS),
        }
    }
}

impl Tally {
    /// An access is told, so long after it was seen.
    pub(super) fn told(&self, alerts: &[impl AsRef<Alert>], delay: Duration) {
        for alert in alerts.iter().map(AsRef::as_ref) {
            self.delay.observe(delay.as_secs_f64());
            if let Some(policy) = &alert.policy {
                *locked(&self.alerts).entry(policy.clone()).or_default() += 1;
            }
            for (count, lacks) in self.misses.iter().zip(lacks(alert)) {
                count.add(u64::from(lacks));
            }
        }
    }

    /// A gap in coverage is told.
    pub(super) fn gap(&self, cause: GapCause, count: u64) {
        *locked(&self.gaps).entry(cause).or_default() += count;
    }

    /// An access is held, or still is.
    pub(super) fn hold(&self, id: RecordId) {
        let mut held = locked(&self.held);
        if held.len() < MOST {
            held.entry(id).or_insert_with(Instant::now);
        }
    }

    /// An access that may have been held is no longer.
    pub(super) fn settle(&self, id: &RecordId) {
        if let Some(since) = locked(&self.held).remove(id) {
            self.held_for.observe(since.elapsed().as_secs_f64());
        }
    }

    /// Forgets policies that are gone: whoever may make policies may make many.
    pub(super) fn keep(&self, policies: &BTreeSet<&str>) {
        locked(&self.alerts).retain(|policy, _| policies.contains(policy.as_str()));
    }

    /// What was counted, of all policies that are in force, and of all that an alert may lack.
    pub(super) fn write(&self, policies: &BTreeSet<&str>, facts: &mut Facts) {
        let alerts = locked(&self.alerts);
        let count = |policy: &&str| ((*policy).to_owned(), alerts.get(*policy).copied().unwrap_or(0));
        facts.alerts = policies.iter().map(count).collect();
        drop(alerts);
        let gaps = locked(&self.gaps);
        facts.gaps = GapCause::ALL.iter().map(|cause| (cause.name(), gaps.get(cause).copied().unwrap_or(0))).collect();
        drop(gaps);
        facts.misses = MISSES.into_iter().zip(self.misses.iter().map(Count::get)).collect();
        facts.unreadable = self.unreadable.get();
        facts.stale = self.stale.get();
        facts.expected = self.expected.get();
        facts.planting = self.planting.get();
        facts.held = locked(&self.held).len() as u64;
        facts.delay = Some(self.delay.clone());
        facts.held_for = Some(self.held_for.clone());
    }
}

/// In the order of [`MISSES`].
fn lacks(alert: &Alert) -> [bool; MISSES.len()] {
    let stranger = match &alert.owner {
        Owner::Container(container) => container.is_unknown(),
        Owner::Host { .. } => false,
    };
    let unknown = match &alert.accessor {
        Some(Accessor::Container { container, .. }) => container.as_ref().is_none_or(|container| container.is_unknown()),
        Some(Accessor::Host) | None => false,
    };
    let Some(process) = &alert.process else { return [stranger || unknown, true, true, true, true, true] };
    [
        stranger || unknown,
        process.pid.is_none(),
        process.executable.is_none(),
        process.arguments.is_none(),
        process.cwd.is_none(),
        process.parent_pid.is_none(),
    ]
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alert::samples;

    #[test]
    fn what_alerts_lack_is_counted_by_kind() {
        let tally = Tally::default();
        let whole = samples::on_host();
        let mut bare = whole.clone();
        bare.process = None;
        tally.told(&[Arc::new(whole.clone()), Arc::new(bare)], Duration::from_millis(20));
        let (policy, mut facts) = (whole.policy.expect("a policy"), Facts::default());
        tally.write(&[policy.as_str(), "other"].into(), &mut facts);
        assert_eq!(facts.misses.iter().find(|(kind, _)| *kind == "process"), Some(&("process", 1)));
        assert_eq!(facts.misses.iter().find(|(kind, _)| *kind == "container"), Some(&("container", 0)));
        let mut alerts = vec![("other".to_owned(), 0), (policy, 2)];
        alerts.sort();
        assert_eq!(facts.alerts, alerts);
        assert_eq!(facts.delay.map(|delay| delay.count()), Some(2));
        tally.keep(&BTreeSet::new());
        assert!(locked(&tally.alerts).is_empty());
    }

    #[test]
    fn an_access_is_held_once_and_settled_once() {
        let (tally, mut facts) = (Tally::default(), Facts::default());
        tally.hold([1; 29]);
        tally.hold([1; 29]);
        tally.settle(&[2; 29]);
        tally.write(&BTreeSet::new(), &mut facts);
        assert_eq!((facts.held, facts.held_for.as_ref().map(Histogram::count)), (1, Some(0)));
        tally.settle(&[1; 29]);
        tally.settle(&[1; 29]);
        tally.write(&BTreeSet::new(), &mut facts);
        assert_eq!((facts.held, facts.held_for.as_ref().map(Histogram::count)), (0, Some(1)));
    }
}
