//! The way from records to sinks without a kernel, to measure it by: what the agent does with a record, and nothing else.

use std::sync::{Arc, Mutex};

use super::{Seen, Shared, readers::Readers, stream::Stream};
use crate::{alert::Alert, sink::SinkSet, trap::Table, workload::Host};

/// Takes records as the kernel would have written them.
pub struct Replay {
    shared: Arc<Shared>,
    stream: Stream,
}

impl Replay {
    /// With these traps, whoever their files' keys came from, and these sinks.
    #[must_use]
    pub fn new(table: Table, sinks: SinkSet, in_cluster: bool) -> Self {
        let shared = Arc::new(Shared {
            table: Mutex::new(table),
            seen: Mutex::new(Seen { method: "replay", ..Seen::default() }),
            ..Shared::new(sinks, false, Host::read(None), Arc::default(), Vec::new())
        });
        let stream = Stream::new(Arc::clone(&shared), "replay", Readers::new(Vec::new(), in_cluster), <_>::default());
        Self { shared, stream }
    }

    /// Takes one record as far as its alerts.
    pub fn record(&mut self, bytes: &[u8]) {
        self.stream.record(bytes);
    }

    /// The alerts since the last call; what is not asked for goes with [`Self::commit`].
    pub fn told(&mut self) -> Vec<Arc<Alert>> {
        self.stream.told()
    }

    /// Has the alerts put into the queues, and returns once they are durable there. Needs a tokio runtime with several threads.
    pub fn commit(&mut self) {
        self.stream.commit();
    }

    /// The sinks.
    #[must_use]
    pub fn sinks(&self) -> &SinkSet {
        &self.shared.sinks
    }
}
