//! What leaves the stream: alerts to the sinks, held records to the journal, both on disk before the ring gets its space back.

use std::sync::Arc;

use tokio::{runtime::Handle, task::block_in_place};
use tracing::{error, info};

use super::Stream;
use crate::{
    alert::{self, Alert, Gap, GapCause},
    event::Observation,
    journal::{self, Left, RecordId},
    pipeline::status::remedy,
    workload::Clock,
};

impl Stream {
    /// What earlier agents held when they ended is looked at anew.
    pub(in crate::pipeline) fn recall(&mut self) {
        let Some(Left { records, of_other_boots }) = self.left.take() else { return };
        if of_other_boots > 0 {
            let remedy = remedy(GapCause::HeldAtReboot);
            error!(
                count = of_other_boots,
                remedy, "accesses that were held when this machine went down cannot be told of in full"
            );
            self.gaps(vec![Gap { cause: GapCause::HeldAtReboot, count: of_other_boots as u64 }]);
        }
        if !records.is_empty() {
            info!(count = records.len(), "accesses that an earlier agent held when it ended");
        }
        self.of_former(true);
        for record in &records {
            self.record(record);
        }
        self.of_former(false);
        self.journal.recalled();
    }

    /// It waits: from here on also on disk.
    pub(super) fn hold(&mut self, id: RecordId) {
        self.shared.tally.hold(id);
        // One that waits for longer is there already.
        self.is_held |= self.current == Some(id);
    }

    /// It was decided about for good.
    pub(super) fn settled(&mut self, seen: &Observation) {
        let id = journal::id(seen);
        self.shared.tally.settle(&id);
        self.journal.settle(&id);
    }

    /// Hands what was told to every sink, and what is held to the disk. The ring's position is published afterwards.
    pub(in crate::pipeline) fn commit(&mut self) {
        let alerts = std::mem::take(&mut self.outbox);
        if alerts.is_empty() && self.journal.is_written() {
            return;
        }
        {
            let mut recent = self.shared.recent();
            for alert in &alerts {
                recent.note(alert);
            }
        }
        let durable = block_in_place(|| {
            let enqueue = |alerts: &[_]| Handle::current().block_on(self.shared.sinks.enqueue(alerts)).durable;
            let durable = alerts.is_empty() || enqueue(&alerts);
            self.journal.sync();
            durable
        });
        if !durable && self.shared.keeps && !self.volatile {
            self.volatile = true;
            // Goes out with the next commit.
            self.gaps(vec![Gap { cause: GapCause::InMemory, count: 1 }]);
        } else if durable && !alerts.is_empty() {
            self.volatile = false;
        }
    }

    /// What was told since the last commit, for somebody else to deliver.
    pub(in crate::pipeline) fn told(&mut self) -> Vec<Arc<Alert>> {
        std::mem::take(&mut self.outbox)
    }

    /// What was told since the last commit is left to another agent.
    pub(in crate::pipeline) fn discard(&mut self) {
        self.outbox.clear();
    }

    /// Tells of gaps in coverage.
    pub(in crate::pipeline) fn gaps(&mut self, gaps: Vec<Gap>) {
        for gap in gaps {
            self.shared.tally.gap(gap.cause, gap.count);
            let alert = alert::gap(gap, Clock.boot_ns(), &self.shared.host, Clock, self.detector);
            self.deliver(&[Arc::new(alert)]);
        }
    }

    /// Has alerts told with the next commit.
    pub(in crate::pipeline) fn deliver(&mut self, alerts: &[Arc<Alert>]) {
        self.outbox.extend_from_slice(alerts);
    }
}
