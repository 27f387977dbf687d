//! All sinks of the agent: who gets an alert, and what becomes of sinks that come, change and go.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::health::Counters;
use super::store::{Bounds, Place, sweep};
use super::task::{Heartbeat, Orders, Task, supervise};
use super::{
    Action, Answer, Filter, Health, Letter, Queue, Render, Schedules, SinkConfig, SinkId, Stored, Target, Transport, Trial,
};
use crate::alert::Alert;

/// The form of sinks that no resource describes.
const BUILTIN: &str = "";
/// The longest that closing a file takes.
const CLOSE: Duration = Duration::from_secs(2);

/// The sinks. Every alert goes to each of them that takes it; none waits for another.
pub struct SinkSet {
    sinks: Mutex<BTreeMap<SinkId, Sink>>,
    /// Held while files are made or removed, which takes long: nobody removes one that is about to be a sink's.
    files: Mutex<()>,
    settings: Settings,
}

/// What all sinks of a set have in common.
#[derive(Clone)]
pub struct Settings {
    /// Where queues are kept; without it they are in memory, and a kill loses what they hold.
    pub folder: Option<PathBuf>,
    /// How much one queue holds.
    pub bounds: Bounds,
    /// When a sink tries again.
    pub schedules: Schedules,
    /// Makes a heartbeat of now; without it none is sent.
    pub heartbeat: Option<Arc<dyn Fn() -> Alert + Send + Sync>>,
    /// The wall clock.
    pub now: fn() -> Timestamp,
}

/// What became of alerts in all queues together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// Every sink that takes them has them on disk. Otherwise a kill would lose some, which [`Health::volatile`] gives the reason for;
    /// holding them back would help only for as long as the ring has room.
    pub durable: bool,
    /// How often an alert found no room in a queue, which has counted and said it. Offered again it is taken once there is room.
    pub refused: usize,
}

/// What one sink could not deliver before the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Which sink.
    pub id: SinkId,
    /// How many alerts it still held.
    pub alerts: usize,
    /// They are on disk, for the next start.
    pub kept: bool,
}

/// What became of an alert that a sink was tried with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedOut {
    /// What it means.
    pub action: Action,
    /// What the endpoint said, where it says anything.
    pub said: Option<String>,
    /// From the attempt's beginning to the end of the answer.
    pub took: Duration,
}

struct Sink {
    /// No resource describes it, so none can change or remove it.
    builtin: bool,
    form: &'static str,
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
        Self { folder: None, bounds: Bounds::default(), schedules: Schedules::default(), heartbeat: None, now: Timestamp::now }
    }
}

impl SinkSet {
    /// A set without sinks.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { sinks: Mutex::default(), files: Mutex::default(), settings }
    }

    /// Adds a sink that no resource describes and that [`SinkSet::reconcile`] leaves alone. Needs a tokio runtime.
    pub fn add_builtin(&self, name: &str, render: Arc<dyn Render>, transport: Arc<dyn Transport>) {
        self.add(&SinkId::new("", name), Filter::default(), render, transport);
    }

    /// A sink whose transport is given.
    pub(super) fn add(&self, id: &SinkId, filter: Filter, render: Arc<dyn Render>, transport: Arc<dyn Transport>) {
        let sink = Sink { builtin: true, ..self.start(id, BUILTIN, filter, render) };
        sink.orders.send_modify(|orders| orders.transport = Some(transport));
        self.lock().insert(id.clone(), sink);
    }

    #[cfg(test)]
    pub(super) fn replace(&self, id: &SinkId, transport: Arc<dyn Transport>) {
        self.lock()[id].orders.send_modify(|orders| orders.transport = Some(transport));
    }

    #[cfg(test)]
    pub(super) fn set_heartbeat(&self, id: &SinkId, every: Duration) {
        let sinks = self.lock();
        let message = self.settings.heartbeat.clone().expect("the test has one");
        sinks[id].beat(Some(Heartbeat { every, render: Arc::clone(&sinks[id].render), message }));
    }

    /// Makes the sinks those of `wanted`. A sink that stays keeps its queue. One that goes is sent nothing any more; its file stays, for a
    /// resource may come back, until [`SinkSet::sweep`]. Needs a tokio runtime.
    pub fn reconcile(&self, wanted: Vec<SinkConfig>) {
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.retire(&wanted);
        let is_new = |config: &&SinkConfig| !self.lock().contains_key(&config.id);
        // Opening a file takes tens of milliseconds: without the lock, for alerts go on to the sinks that there are.
        let new: Vec<_> = wanted.iter().filter(is_new).map(|config| (config.id.clone(), self.start_for(config))).collect();
        let mut sinks = self.lock();
        for (id, sink) in new {
            sinks.entry(id).or_insert(sink);
        }
        for SinkConfig { id, form: _, filter, render, heartbeat, target } in wanted {
            let Some(sink) = sinks.get_mut(&id).filter(|sink| !sink.builtin) else { continue };
            let message = self.settings.heartbeat.clone();
            let heartbeat =
                heartbeat.zip(message).map(|(every, message)| Heartbeat { every, render: Arc::clone(&render), message });
            (sink.filter, sink.render) = (filter, render);
            sink.beat(heartbeat);
            sink.configure(&id, target);
        }
    }

    /// Ends the sinks that are not wanted any more, or not in the form that they have.
    fn retire(&self, wanted: &[SinkConfig]) {
        self.lock().retain(|id, sink| {
            let now = wanted.iter().find(|config| config.id == *id).map(|config| config.form);
            let stays = sink.builtin || now == Some(sink.form);
            if !stays {
                sink.supervisor.abort();
                let queue = Arc::clone(&sink.queue);
                let undelivered = sink.queue.stats().rows;
                tokio::spawn(async move { queue.close().await });
                match now {
                    None => tracing::info!(sink = %id, undelivered, "sink removed"),
                    Some(now) => tracing::warn!(sink = %id, was = sink.form, now, undelivered, "this sink has another receiver now; what was written for the former one waits for it to be named again, for an hour"),
                }
            }
            stays
        });
    }

    /// Removes the files of all sinks that are not at work, for good: for when their resources are known to be gone. Returns the names of what
    /// was removed.
    pub fn sweep(&self) -> std::io::Result<Vec<String>> {
        let Some(folder) = &self.settings.folder else { return Ok(Vec::new()) };
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work: Vec<_> = self.lock().iter().map(|(id, sink)| queue_of(id, sink.form)).collect();
        sweep(folder, &at_work)
    }

    /// Queues alerts for every sink that takes them. They are on their way when this returns; the future waits until every queue has them
    /// on disk.
    pub fn enqueue(&self, alerts: &[Arc<Alert>]) -> impl Future<Output = Enqueued> + Send + use<> {
        let pushes: Vec<_> = self
            .lock()
            .values()
            .filter_map(|sink| {
                let taken: Vec<_> = alerts.iter().filter(|alert| sink.filter.takes(alert)).cloned().collect();
                sink.counters.count_filtered(alerts.len() - taken.len());
                (!taken.is_empty()).then(|| sink.queue.push(taken, Arc::clone(&sink.render)))
            })
            .collect();
        async move {
            let stored: Vec<Stored> = join_all(pushes).await;
            Enqueued {
                durable: stored.iter().all(|stored| stored.durable),
                refused: stored.iter().map(|stored| stored.refused.len()).sum(),
            }
        }
    }

    /// Queues one alert for every sink that takes it, and does not wait for it to be durable.
    pub fn deliver(&self, alert: &Arc<Alert>) {
        drop(self.enqueue(std::slice::from_ref(alert)));
    }

    /// The queue of a sink, for whoever looks after its dead letters.
    #[must_use]
    pub fn queue(&self, id: &SinkId) -> Option<Arc<Queue>> {
        self.lock().get(id).map(|sink| Arc::clone(&sink.queue))
    }

    /// Sends one alert by a sink's own way, past its queue; gives what the endpoint made of it, or why nothing can be sent.
    pub async fn try_out(&self, id: &SinkId, alert: &Alert) -> Result<TriedOut, String> {
        let (transport, body) = {
            let sinks = self.lock();
            let sink =
                sinks.get(id).ok_or_else(|| format!("sink {id} has just gone; see whether its resource is still there"))?;
            let transport = sink.orders.borrow().transport.clone();
            let error = || sink.counters.health(id, false, &sink.queue.stats()).last_error;
            let transport = transport.ok_or_else(|| {
                error()
                    .unwrap_or_else(|| format!("sink {id} has no configuration; name a receiver and its Secret in the resource"))
            })?;
            (transport, sink.render.render(alert))
        };
        let letter = Letter { id: alert.id.clone(), time: alert.time, body };
        let began = tokio::time::Instant::now();
        let Trial { answer, said } = transport.trial(&letter).await;
        let action = match answer {
            Answer::All(action) => action,
            Answer::Each(actions) => actions.into_iter().next().unwrap_or_else(Action::delivered),
        };
        Ok(TriedOut { action, said, took: began.elapsed() })
    }

    /// The sinks, in the order of their names.
    #[must_use]
    pub fn ids(&self) -> Vec<SinkId> {
        self.lock().keys().cloned().collect()
    }

    /// How each sink fares, in the order of their names.
    #[must_use]
    pub fn health(&self) -> Vec<Health> {
        self.lock()
            .iter()
            .map(|(id, sink)| {
                let configured = sink.orders.borrow().transport.is_some();
                Health { receiver: sink.form, ..sink.counters.health(id, configured, &sink.queue.stats()) }
            })
            .collect()
    }

    /// How long the attempts of each sink took, in seconds.
    #[must_use]
    pub fn took(&self) -> Vec<(SinkId, Histogram)> {
        self.lock().iter().map(|(id, sink)| (id.clone(), sink.counters.took())).collect()
    }

    /// How much one queue holds.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.settings.bounds
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
            let late = tokio::time::timeout_at(end, &mut sink.supervisor).await.is_err();
            if late {
                sink.supervisor.abort();
            }
            let stats = sink.queue.stats();
            let reason = sink.counters.health(&id, true, &stats).last_error;
            let reason = reason.unwrap_or_else(|| {
                if late { "the receiver has not answered in time" } else { "there was no attempt" }.to_owned()
            });
            // A disk that hangs must not keep the agent.
            if tokio::time::timeout(CLOSE, sink.queue.close()).await.is_err() {
                tracing::warn!(sink = %id, "the disk has not taken the end of this sink's queue in time; the next agent reads what it has");
            }
            let (alerts, kept) = (stats.rows, stats.place == Place::Disk && stats.volatile == 0);
            if alerts > 0 {
                if kept {
                    tracing::warn!(sink = %id, alerts, late, reason, "alerts of this sink were not delivered before the end; they are kept for the next start");
                } else {
                    tracing::error!(sink = %id, alerts, late, reason, "alerts of this sink were not delivered before the end, and are lost with it; give --state a folder to keep them");
                }
                leftovers.push(Leftover { id, alerts, kept });
            }
        }
        leftovers
    }

    fn start_for(&self, config: &SinkConfig) -> Sink {
        self.start(&config.id, config.form, config.filter.clone(), Arc::clone(&config.render))
    }

    fn start(&self, id: &SinkId, form: &'static str, filter: Filter, render: Arc<dyn Render>) -> Sink {
        let Settings { folder, bounds, schedules, now, .. } = &self.settings;
        // Standard output is a log: one line an alert, and Koney's line has no place for a count.
        let window = if id.namespace.is_empty() { SignedDuration::ZERO } else { bounds.window };
        let queue = Arc::new(Queue::open(&queue_of(id, form), folder.clone(), Bounds { window, ..*bounds }, *now));
        let counters = Arc::new(Counters::default());
        let (orders, receiver) = watch::channel(Orders::default());
        let supervisor = tokio::spawn(supervise(Task {
            id: id.clone(),
            queue: Arc::clone(&queue),
            counters: Arc::clone(&counters),
            orders: receiver,
            schedules: *schedules,
        }));
        Sink { builtin: false, form, filter, render, target: None, queue, counters, orders, supervisor }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SinkId, Sink>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the queue of a sink: one for each form. `~` is in no resource's name.
fn queue_of(id: &SinkId, form: &str) -> SinkId {
    if form == BUILTIN { id.clone() } else { SinkId::new(&id.namespace, format!("{}~{form}", id.name)) }
}

impl Sink {
    /// The task is not woken: it may be waiting for a receiver that asked for patience.
    fn beat(&self, heartbeat: Option<Heartbeat>) {
        let every = |heartbeat: &Option<Heartbeat>| heartbeat.as_ref().map(|heartbeat| heartbeat.every);
        let changes = every(&self.orders.borrow().heartbeat) != every(&heartbeat);
        self.orders.send_if_modified(|orders| {
            orders.heartbeat = heartbeat;
            changes
        });
    }

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
