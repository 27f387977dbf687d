//! One sink's queue for code that must not wait: alerts go in at once, and whoever wants to know when they are durable is told.
//!
//! A queue with a file has a thread, for nothing else may wait for a disk. While one transaction is under way others come together, and
//! the next takes them all. Without a file there is nothing to wait for, and no thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};

use super::store::{Bounds, DeadLetter, Folder, Medium, News, Place, Stats, Store, Taken};
use super::{BatchLimits, Render, SinkId};
use crate::alert::{Alert, AlertId};

/// The longest that a queue is left alone.
const AT_HOME: Duration = Duration::from_mins(1);
/// The same while it is not where it is meant to be.
const AWAY: Duration = Duration::from_secs(5);

/// A durable queue and its writer.
#[derive(Debug)]
pub struct Queue {
    writer: Writer,
    shared: Arc<Shared>,
    now: fn() -> Timestamp,
}

/// What became of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// All that was taken is on disk. Otherwise it is in memory, and a kill would lose it.
    pub durable: bool,
    /// What found no room anywhere; it may be offered again.
    pub refused: Vec<AlertId>,
}

#[derive(Debug)]
enum Writer {
    Here(Box<Mutex<Store>>),
    Thread(mpsc::Sender<Request>),
}

enum Request {
    Push(Push),
    Work(Work),
    Close(oneshot::Sender<()>),
}

/// Does something, and then tells whoever waits for it.
type Work = Box<dyn FnOnce(&mut Store) -> Tell + Send>;
type Tell = Box<dyn FnOnce() + Send>;

struct Push {
    now: Timestamp,
    alerts: Vec<Arc<Alert>>,
    render: Arc<dyn Render>,
    done: oneshot::Sender<Stored>,
}

#[derive(Debug)]
struct Shared {
    id: SinkId,
    stats: Mutex<Stats>,
    arrived: Notify,
    refusals: AtomicU64,
}

impl Queue {
    /// Opens the queue of a sink, in `folder` if there is one. Never fails: what cannot be on disk is in memory, and says so.
    #[must_use]
    pub fn open(id: &SinkId, folder: Option<PathBuf>, bounds: Bounds, now: fn() -> Timestamp) -> Self {
        let Some(folder) = folder else {
            let store = Store::open(None, bounds, now());
            let shared = Arc::new(Shared::new(id, &store));
            return Self { writer: Writer::Here(Box::new(Mutex::new(store))), shared, now };
        };
        let medium: Arc<dyn Medium> = Arc::new(Folder::new(folder, id));
        let mut store = Store::open(Some(medium), bounds, now());
        let shared = Arc::new(Shared::new(id, &store));
        shared.say(store.news());
        let (requests, incoming) = mpsc::channel();
        let (kept, theirs) = (Arc::new(Mutex::new(Some(store))), Arc::clone(&shared));
        let moved = Arc::clone(&kept);
        let spawned = std::thread::Builder::new().name("koney-queue".to_owned()).spawn(move || {
            let store = moved.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(store) = store {
                write(store, &incoming, &theirs);
            }
        });
        let writer = match spawned {
            Ok(_) => Writer::Thread(requests),
            Err(error) => {
                tracing::error!(sink = %id, %error, "no thread can be started to write this sink's queue; whoever queues an alert waits for the disk");
                let store = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
                Writer::Here(Box::new(Mutex::new(store.unwrap_or_else(|| Store::open(None, bounds, now())))))
            }
        };
        Self { writer, shared, now }
    }

    /// Takes alerts, as `render` writes them. They are on their way when this returns, whether the future is awaited or not; it says what
    /// became of them.
    pub fn push(&self, alerts: Vec<Arc<Alert>>, render: Arc<dyn Render>) -> impl Future<Output = Stored> + Send + use<> {
        let refused: Vec<_> = alerts.iter().map(|alert| alert.id.clone()).collect();
        let (done, stored) = oneshot::channel();
        self.ask(Request::Push(Push { now: (self.now)(), alerts, render, done }));
        async move { stored.await.unwrap_or(Stored { durable: false, refused }) }
    }

    /// What may be sent now, and when there will be more that only waits for its time.
    pub async fn take(&self, limits: BatchLimits, except: Vec<AlertId>) -> (Taken, Option<Timestamp>) {
        let now = (self.now)();
        self.work(move |store| {
            store.tend(now);
            (store.take(now, limits, &except), store.next_due(now))
        })
        .await
        .unwrap_or_default()
    }

    /// Removes what was delivered, and moves what never can be to the dead letters.
    pub async fn settle(&self, delivered: Vec<AlertId>, rejected: Vec<(AlertId, String)>) {
        let now = (self.now)();
        self.work(move |store| {
            if !delivered.is_empty() {
                store.remove(&delivered, now);
            }
            for (id, reason) in rejected {
                store.bury(&id, &reason, now);
            }
        })
        .await;
    }

    /// Nothing waits for its time any more.
    pub async fn close_windows(&self) {
        let now = (self.now)();
        self.work(move |store| store.close_windows(now)).await;
    }

    /// The dead letters, oldest first, without their bodies.
    pub async fn dead(&self) -> Vec<DeadLetter> {
        self.work(|store| store.dead()).await.unwrap_or_default()
    }

    /// One dead letter with its body.
    pub async fn dead_letter(&self, id: AlertId) -> Option<DeadLetter> {
        self.work(move |store| store.dead_letter(&id)).await.flatten()
    }

    /// Has these dead letters sent once more. Returns how many there were.
    pub async fn revive(&self, ids: Vec<AlertId>) -> usize {
        let now = (self.now)();
        let revived = self.work(move |store| store.revive(&ids, now)).await.unwrap_or_default();
        self.shared.arrived.notify_one();
        revived
    }

    /// Forgets these dead letters. Returns how many there were.
    pub async fn drop_dead(&self, ids: Vec<AlertId>) -> usize {
        let now = (self.now)();
        self.work(move |store| store.drop_dead(&ids, now)).await.unwrap_or_default()
    }

    /// Waits until something may have been added since the last call.
    pub async fn arrived(&self) {
        self.shared.arrived.notified().await;
    }

    /// Closes the file, for another queue to open it. What is asked for afterwards is not done.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.ask(Request::Close(done));
        // Whoever is told is told by the end of the channel.
        let _closed = closed.await;
    }

    /// How long it may be left alone: it may have a disk to go back to.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let is_away = matches!(self.writer, Writer::Thread(_)) && self.stats().place != Place::Disk;
        if is_away { AWAY } else { AT_HOME }
    }

    /// How it fares, as of the last transaction; waits for nothing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.lock().clone()
    }

    /// Now, by the clock of this queue.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce(&mut Store) -> T + Send + 'static) -> Option<T> {
        let (done, result) = oneshot::channel();
        self.ask(Request::Work(Box::new(move |store| {
            let value = work(store);
            // Nobody need wait for it.
            Box::new(move || drop(done.send(value)))
        })));
        result.await.ok()
    }

    fn ask(&self, request: Request) {
        match &self.writer {
            Writer::Here(store) => {
                let closes = self.shared.handle(&mut store.lock().unwrap_or_else(PoisonError::into_inner), vec![request]);
                drop(closes);
            }
            // Without its thread the request is dropped, and whoever waits for it is told so.
            Writer::Thread(requests) => drop(requests.send(request)),
        }
    }
}

/// Until the queue is closed or dropped.
fn write(mut store: Store, incoming: &mpsc::Receiver<Request>, shared: &Shared) {
    while let Ok(first) = incoming.recv() {
        let requests = std::iter::once(first).chain(incoming.try_iter()).collect();
        match catch_unwind(AssertUnwindSafe(|| shared.handle(&mut store, requests))) {
            Ok(None) => {}
            Ok(Some(closed)) => {
                drop(store);
                drop(closed);
                return;
            }
            Err(_) => tracing::error!(sink = %shared.id, "writing this sink's queue panicked; this is a bug, please report it"),
        }
    }
}

impl Shared {
    fn new(id: &SinkId, store: &Store) -> Self {
        Self { id: id.clone(), stats: Mutex::new(store.stats()), arrived: Notify::new(), refusals: AtomicU64::new(0) }
    }

    /// Everything that came together: all alerts first, in as few transactions as there are ways to write them.
    /// Returns whom to tell when the file is closed, if it is to be.
    fn handle(&self, store: &mut Store, requests: Vec<Request>) -> Option<oneshot::Sender<()>> {
        let (mut pushes, mut works, mut closes) = (Vec::new(), Vec::new(), None);
        for request in requests {
            match request {
                Request::Push(push) => pushes.push(push),
                Request::Work(work) => works.push(work),
                Request::Close(done) => closes = Some(done),
            }
        }
        let arrives = !pushes.is_empty();
        let mut pushes = pushes.into_iter().peekable();
        while let Some(first) = pushes.next() {
            let mut group = vec![first];
            while let Some(next) = pushes.next_if(|next| group.iter().all(|push| Arc::ptr_eq(&push.render, &next.render))) {
                group.push(next);
            }
            self.push(store, group);
        }
        let tell: Vec<_> = works.into_iter().map(|work| work(store)).collect();
        *self.lock() = store.stats();
        self.say(store.news());
        for tell in tell {
            tell();
        }
        if arrives {
            self.arrived.notify_one();
        }
        closes
    }

    fn push(&self, store: &mut Store, group: Vec<Push>) {
        let Some(last) = group.last() else { return };
        let alerts: Vec<&Alert> = group.iter().flat_map(|push| push.alerts.iter().map(AsRef::as_ref)).collect();
        let pushed = store.push(last.now, &alerts, &*last.render);
        if !pushed.refused.is_empty() {
            let before = self.refusals.fetch_add(1, Ordering::Relaxed);
            // Powers of two: the first is said at once, a flood of them in a few lines.
            if (before + 1).is_power_of_two() {
                let refused = pushed.refused.len();
                tracing::error!(sink = %self.id, refused, "no room for these alerts: the queue is full of first alerts; mend its receiver");
            }
        }
        *self.lock() = store.stats();
        for push in group {
            let refused: Vec<_> =
                push.alerts.iter().map(|alert| alert.id.clone()).filter(|id| pushed.refused.contains(id)).collect();
            // Nobody need wait for it.
            drop(push.done.send(Stored { durable: pushed.durable, refused }));
        }
    }

    fn say(&self, news: Vec<News>) {
        for news in news {
            match news {
                News::OnDisk | News::TakenIn { .. } => tracing::info!(sink = %self.id, "{news}"),
                _ => tracing::error!(sink = %self.id, "{news}"),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Push(_) => "Push",
            Self::Work(_) => "Work",
            Self::Close(_) => "Close",
        })
    }
}
