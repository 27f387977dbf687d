//! All sinks of the agent: who gets an alert, and what becomes of sinks that come, change and go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::health::Counters;
use super::task::{Orders, Task, supervise};
use super::{CAPACITY, Filter, Health, Letter, Queue, Render, Schedules, SinkConfig, SinkId, Target, Transport};
use crate::alert::Alert;

/// The sinks. Every alert goes to each of them that takes it; none waits for another.
pub struct SinkSet {
    sinks: Mutex<BTreeMap<SinkId, Sink>>,
    settings: Settings,
}

/// What all sinks of a set have in common.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Entries that one sink may be behind.
    pub capacity: usize,
    /// When a sink tries again.
    pub schedules: Schedules,
}

/// What one sink could not deliver before the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Which sink.
    pub id: SinkId,
    /// How many alerts it still held.
    pub alerts: usize,
}

struct Sink {
    /// No resource describes it, so none can change or remove it.
    builtin: bool,
    filter: Filter,
    render: Arc<dyn Render>,
    /// The configuration in use.
    target: Option<Target>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    orders: watch::Sender<Orders>,
    supervisor: JoinHandle<()>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity: CAPACITY, schedules: Schedules::default() }
    }
}

impl SinkSet {
    /// A set without sinks.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { sinks: Mutex::default(), settings }
    }

    /// Adds a sink that no resource describes and that [`SinkSet::reconcile`] leaves alone. Needs a tokio runtime.
    pub fn add_builtin(&self, name: &str, render: Arc<dyn Render>, transport: Arc<dyn Transport>) {
        let id = SinkId::new("", name);
        let sink = Sink { builtin: true, ..self.start(&id, Filter::default(), render) };
        sink.orders.send_modify(|orders| orders.transport = Some(transport));
        self.lock().insert(id, sink);
    }

    /// Makes the sinks those of `wanted`. A sink that stays keeps its queue; one that goes takes its alerts with it, for whoever
    /// removes a sink wants nothing sent there any more. Needs a tokio runtime.
    pub fn reconcile(&self, wanted: Vec<SinkConfig>) {
        let mut sinks = self.lock();
        sinks.retain(|id, sink| {
            let stays = sink.builtin || wanted.iter().any(|config| config.id == *id);
            if !stays {
                sink.supervisor.abort();
                tracing::info!(sink = %id, undelivered = sink.queue.len(), "sink removed");
            }
            stays
        });
        for SinkConfig { id, filter, render, heartbeat: _, target } in wanted {
            let sink = sinks.entry(id.clone()).or_insert_with(|| self.start(&id, filter.clone(), Arc::clone(&render)));
            if !sink.builtin {
                (sink.filter, sink.render) = (filter, render);
                sink.configure(&id, target);
            }
        }
    }

    /// Queues the alert for every sink that takes it. Never waits.
    pub fn deliver(&self, alert: &Arc<Alert>) {
        for (id, sink) in self.lock().iter().filter(|(_, sink)| sink.filter.takes(alert)) {
            let letter = Letter { id: alert.id.clone(), time: alert.time, body: sink.render.render(alert) };
            if let Err(overflow) = sink.queue.push(Arc::new(letter)) {
                // Powers of two: the first is said at once, a flood of them in a few lines.
                if overflow.dropped.is_power_of_two() {
                    tracing::error!(sink = %id, event.id = alert.id.as_str(), dropped = overflow.dropped, "alert dropped: the queue is full");
                }
            }
        }
    }

    /// How each sink fares, in the order of their names.
    #[must_use]
    pub fn health(&self) -> Vec<Health> {
        self.lock()
            .iter()
            .map(|(id, sink)| {
                let configured = sink.orders.borrow().transport.is_some();
                sink.counters.health(id, configured, sink.queue.len(), sink.queue.dropped())
            })
            .collect()
    }

    /// Tries whatever waits once more and ends every sink, within `deadline`. Returns the sinks that still held alerts.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Leftover> {
        let end = tokio::time::Instant::now() + deadline;
        let sinks = std::mem::take(&mut *self.lock());
        for sink in sinks.values() {
            sink.orders.send_modify(|orders| orders.closing = true);
        }
        let mut leftovers = Vec::new();
        for (id, mut sink) in sinks {
            if tokio::time::timeout_at(end, &mut sink.supervisor).await.is_err() {
                sink.supervisor.abort();
            }
            let alerts = sink.queue.len();
            if alerts > 0 {
                tracing::error!(sink = %id, alerts, "alerts of this sink were not delivered before the end");
                leftovers.push(Leftover { id, alerts });
            }
        }
        leftovers
    }

    fn start(&self, id: &SinkId, filter: Filter, render: Arc<dyn Render>) -> Sink {
        let queue = Arc::new(Queue::new(self.settings.capacity));
        let counters = Arc::new(Counters::default());
        let (orders, receiver) = watch::channel(Orders::default());
        let supervisor = tokio::spawn(supervise(Task {
            id: id.clone(),
            queue: Arc::clone(&queue),
            counters: Arc::clone(&counters),
            orders: receiver,
            schedules: self.settings.schedules,
        }));
        Sink { builtin: false, filter, render, target: None, queue, counters, orders, supervisor }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SinkId, Sink>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn configure(&mut self, id: &SinkId, target: Result<Target, super::ConfigError>) {
        match target {
            Ok(target) => {
                self.counters.set_config_error(None);
                // Only a real change may wake the task: a receiver that asked for patience gets it otherwise.
                if self.target.as_ref() != Some(&target) {
                    tracing::info!(sink = %id, ?target, "sink configured");
                    self.orders.send_modify(|orders| orders.transport = Some(target.transport()));
                    self.target = Some(target);
                }
            }
            Err(error) => {
                let news = self.counters.set_config_error(Some(error.to_string()));
                if error.withdraws() && self.target.take().is_some() {
                    self.orders.send_modify(|orders| orders.transport = None);
                }
                if news {
                    let kept = self.target.is_some();
                    tracing::error!(sink = %id, error = %error, last_good_in_use = kept, "sink misconfigured; its alerts are kept");
                }
            }
        }
    }
}
