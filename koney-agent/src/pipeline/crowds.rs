//! Crowds: of many processes at one trap the first are told one by one, the rest together, with their count.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use koney_common::{
    Repeats,
    identity::UNDECIDED_TRAP,
    name::{CrowdKey, Window},
};

use crate::{
    alert::{self, Alert},
    workload::Clock,
};

/// Between two summaries of one crowd.
const PAUSE: Duration = Duration::from_secs(10);
/// Traps whose last alerts are kept for their crowds' summaries.
const KEPT: usize = 2048;

/// What was told of each crowd.
#[derive(Default)]
pub(super) struct Crowds {
    latest: HashMap<u32, Vec<Arc<Alert>>>,
    told: BTreeMap<CrowdKey, Told>,
}

#[derive(Clone, Copy, Default)]
struct Told {
    folded: u64,
    at_ns: u64,
}

impl Crowds {
    /// Notes what was told of a trap last: the summary speaks of the same trap.
    pub(super) fn note(&mut self, trap: u32, alerts: &[Arc<Alert>]) {
        if alerts.is_empty() || (self.latest.len() >= KEPT && !self.latest.contains_key(&trap)) {
            return;
        }
        self.latest.insert(trap, alerts.to_vec());
    }

    /// The summaries that are due (or all of them).
    pub(super) fn due(&mut self, windows: &[(CrowdKey, Window)], now_ns: u64, all: bool) -> Vec<Arc<Alert>> {
        let mut due = Vec::new();
        for (key, window) in windows.iter().filter(|(key, _)| key.trap != UNDECIDED_TRAP) {
            // Where nothing was told yet, the first alert is held.
            let Some(latest) = self.latest.get(&key.trap) else { continue };
            let told = self.told.entry(*key).or_default();
            // The kernel forgets crowds that are quiet; the next one of the same key counts from nothing.
            let new = window.folded.checked_sub(told.folded).unwrap_or(window.folded);
            if new == 0 || !(all || now_ns.saturating_sub(told.at_ns) > PAUSE.as_nanos().try_into().unwrap_or(u64::MAX)) {
                continue;
            }
            *told = Told { folded: window.folded, at_ns: now_ns };
            let counted = Repeats { first_ns: window.start_ns, last_ns: window.last_ns, count: new };
            due.extend(latest.iter().map(|latest| Arc::new(alert::repeats(latest, &counted, Clock))));
        }
        self.told.retain(|key, _| windows.iter().any(|(known, _)| known == key));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [u64; 0] = [];

    #[test]
    fn what_was_folded_is_told_once() {
        let mut crowds = Crowds::default();
        crowds.note(7, &[Arc::new(alert::samples::on_host())]);
        let key = CrowdKey { cgroup: 1, trap: 7, padding: 0 };
        let window = |folded| [(key, Window { folded, last_ns: 5, ..Window::default() })];
        let second = 1_000_000_000;
        let counts =
            |alerts: Vec<Arc<Alert>>| alerts.iter().filter_map(|alert| alert.repeats).map(|r| r.count).collect::<Vec<_>>();
        assert_eq!(counts(crowds.due(&window(0), 20 * second, false)), NOTHING);
        assert_eq!(counts(crowds.due(&window(90), 21 * second, false)), [90]);
        assert_eq!(counts(crowds.due(&window(100), 22 * second, false)), NOTHING, "not again at once");
        assert_eq!(counts(crowds.due(&window(100), 40 * second, false)), [10]);
        assert_eq!(counts(crowds.due(&window(100), 60 * second, true)), NOTHING);
        assert_eq!(counts(crowds.due(&window(3), 80 * second, false)), [3], "the kernel had forgotten it");
    }
}
