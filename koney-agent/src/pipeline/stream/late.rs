//! What is told late, or in few words: what an earlier agent has left, what was only counted, what found no room in the ring.

use std::sync::Arc;

use koney_common::{Repeats, Slot, TrapKey, name::Candidate};
use tracing::error;

use super::Stream;
use crate::{
    alert::{self, Alert, Gap, GapCause},
    event::Observation,
    kernel::{Holder, is_undecided, pins::Remains},
    pipeline::status::remedy,
    trap::{Decided, Held, Hit},
    workload::Clock,
};

impl Stream {
    /// What an earlier agent has left besides its records.
    pub(in crate::pipeline) fn remains(&mut self, remains: Remains) {
        let Remains { slots, repeats, crowds, dropped } = remains;
        if dropped > 0 {
            let remedy = remedy(GapCause::RingFull);
            error!(count = dropped, remedy, "while no agent ran the ring was full, and accesses went unreported");
            self.gaps(vec![Gap { cause: GapCause::RingFull, count: dropped }]);
        }
        for (trap, slot) in &slots {
            self.kept(*trap, slot);
        }
        for (key, counted) in repeats {
            // Whose first access was told by the earlier agent is known by its number only.
            let summaries = if self.bursts.knows(&key) {
                self.bursts.summary(&key, &counted)
            } else {
                Observation::of_repeats(&key, &counted).map_or_else(Vec::new, |seen| self.counted(&seen, counted))
            };
            self.deliver(&summaries);
        }
        for (key, window) in crowds.iter().filter(|(key, _)| !is_undecided(key.trap)) {
            let counted = Repeats { first_ns: window.start_ns, last_ns: window.last_ns, count: window.folded };
            let summaries = self.counted(&Observation::of_crowd(key, window), counted);
            self.deliver(&summaries);
        }
    }

    /// Summaries of what was only counted.
    fn counted(&self, seen: &Observation, counted: Repeats) -> Vec<Arc<Alert>> {
        if counted.count == 0 {
            return Vec::new();
        }
        let (hits, container) = {
            let mut table = self.shared.table();
            (table.hits(seen), table.container_of(seen))
        };
        let alert = |hit: &Hit| {
            let labels = self.shared.labels(&hit.policy);
            alert::of_hit(seen, hit, labels, container.as_deref(), &self.shared.host, Clock, self.detector)
        };
        hits.iter().map(|hit| Arc::new(alert::repeats(&alert(hit), &counted, Clock))).collect()
    }

    /// Descriptors that were found open. What had come before the search ended must have been read.
    pub(in crate::pipeline) fn held(&mut self, holders: &[Holder]) {
        let now = Clock.boot_ns();
        // The alerts' ids are made of the time: no two share it.
        for (holder, boot_ns) in holders.iter().zip(now..) {
            if self.held.is_told(holder) {
                continue;
            }
            let subject = self.completer.describe(Some(holder.pid));
            self.access(Held::observation(holder, boot_ns, subject));
        }
    }

    /// What was kept in few words because the ring was full.
    pub(in crate::pipeline) fn kept(&mut self, trap: u32, slot: &Slot) {
        if let Some(seen) = Observation::of_slot(trap, slot) {
            self.access(seen);
        }
    }

    /// A file that was armed by its name, and touched without a record because there were too many: told, if it has turned out to be
    /// a trap.
    pub(in crate::pipeline) fn unrecorded(&mut self, key: TrapKey, candidate: &Candidate) {
        let hits = {
            let mut table = self.shared.table();
            let seen = Observation::of_candidate(key, candidate);
            if table.holds(key) { Some((table.hits(&seen), seen)) } else { None }
        };
        if let Some((hits, seen)) = hits {
            self.decided(Decided { seen, hits });
        }
    }
}
