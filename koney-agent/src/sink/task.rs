//! One sink at work: take what waits, try it, decide, and again.
//!
//! Letters stay in the queue until they were delivered or can never be. A sink that fails, hangs or panics does so alone.

mod pace;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::health::Counters;
use super::{Answer, Form, Letter, Queue, Render, Schedules, SinkId, Transport};
use crate::alert::Alert;
use pace::{Pace, Try};
use verdict::{Trouble, Verdict};

const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);
/// What is not the first of its kind waits this long for others.
const LINGER: Duration = Duration::from_millis(200);

/// What the task is told from outside; every change wakes it at once.
#[derive(Clone, Default)]
pub(super) struct Orders {
    /// Absent while the configuration has no credentials: alerts wait.
    pub(super) transport: Option<Arc<dyn Transport>>,
    /// What to send between alerts, and how often.
    pub(super) heartbeat: Option<Heartbeat>,
    /// Try everything that waits once more, then end.
    pub(super) closing: bool,
}

/// A message that says no more than that this agent lives.
#[derive(Clone)]
pub(super) struct Heartbeat {
    pub(super) every: Duration,
    pub(super) render: Arc<dyn Render>,
    /// Makes one of now.
    pub(super) message: Arc<dyn Fn() -> Alert + Send + Sync>,
}

/// All that a task needs; cheap to clone, so that a new one can take over.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) id: SinkId,
    pub(super) queue: Arc<Queue>,
    pub(super) counters: Arc<Counters>,
    pub(super) orders: watch::Receiver<Orders>,
    pub(super) schedules: Schedules,
}

/// Runs the task, and again whenever it panics; ends when it is told to close.
pub(super) async fn supervise(task: Task) {
    loop {
        let mut running = JoinSet::new();
        running.spawn(task.clone().run());
        match running.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                tracing::error!(sink = %task.id, "the task of this sink panicked and is started again; nothing it holds is lost");
                sleep(PAUSE_AFTER_PANIC).await;
            }
            _ => return,
        }
    }
}

impl Task {
    async fn run(mut self) {
        let mut pace = Pace::new(self.schedules);
        let mut remarked = false;
        let mut beat = Instant::now();
        loop {
            let orders = self.orders.borrow_and_update().clone();
            let Some(transport) = orders.transport else {
                if orders.closing || self.orders.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if orders.closing {
                self.queue.close_windows().await;
            }
            let attempt = pace.attempt();
            let (limits, except) = pace.limits(attempt, transport.limits());
            let (mut taken, next_due) = self.queue.take(limits, except.clone()).await;
            if taken.letters.is_empty() {
                if attempt != Try::Batch {
                    pace.nothing_for(attempt);
                } else if orders.closing && pace.is_putting_off() {
                    pace.forget();
                } else if orders.closing || !self.wait(&pace, next_due, orders.heartbeat.as_ref(), &*transport, &mut beat).await {
                    return;
                }
                continue;
            }
            if attempt == Try::Batch && !(taken.urgent || taken.more || orders.closing) {
                sleep(LINGER).await;
                (taken, _) = self.queue.take(limits, except).await;
            }
            let letters = pace.chosen(attempt, taken);
            if letters.is_empty() {
                continue;
            }
            let began = Instant::now();
            let answer = transport.attempt(&letters, pace.form()).await;
            let answer = (answer, began.elapsed());
            let wait = self.settle(&letters, answer, attempt, &mut pace, &mut remarked).await;
            match wait {
                None => {}
                // Nobody will mend it before we are gone, and others wait for us to end.
                Some((_, true)) if orders.closing => return,
                Some((wait, _)) => {
                    tokio::select! {
                        () = sleep(wait) => {}
                        changed = self.orders.changed() => {
                            if changed.is_err() {
                                return;
                            }
                            pace.start_over();
                        }
                    }
                }
            }
        }
    }

    /// Until there may be something to send, or something else to do. False at the end of the world.
    async fn wait(
        &mut self,
        pace: &Pace,
        next_due: Option<jiff::Timestamp>,
        heartbeat: Option<&Heartbeat>,
        transport: &dyn Transport,
        beat: &mut Instant,
    ) -> bool {
        let until_due = next_due.map(|due| Duration::try_from(due.duration_since(self.queue.now())).unwrap_or_default());
        let wait = [until_due, pace.put_off_for()].into_iter().flatten().fold(self.queue.patience(), Duration::min);
        let next_beat = heartbeat.map(|heartbeat| *beat + heartbeat.every);
        tokio::select! {
            () = self.queue.arrived() => {}
            () = sleep(wait) => {}
            () = async { sleep_until(next_beat.unwrap_or_else(Instant::now)).await }, if next_beat.is_some() => {
                *beat = Instant::now();
                if let Some(heartbeat) = heartbeat {
                    self.beat(heartbeat, transport).await;
                }
            }
            changed = self.orders.changed() => return changed.is_ok(),
        }
        true
    }

    /// Best effort: the next one is better than a late one.
    async fn beat(&self, heartbeat: &Heartbeat, transport: &dyn Transport) {
        let message = (heartbeat.message)();
        let letter = Letter { id: message.id.clone(), time: message.time, body: heartbeat.render.render(&message) };
        let answer = transport.attempt(&[letter], Form::Full).await;
        if let Verdict { trouble: Some(trouble), .. } = Verdict::of(1, answer, false) {
            tracing::warn!(sink = %self.id, reason = trouble.reason(), "heartbeat not delivered; the next one is tried as usual");
        }
    }

    /// Says how long to wait before the next attempt, and whether a person has to mend something.
    async fn settle(
        &self,
        letters: &[Letter],
        (answer, took): (Answer, Duration),
        attempt: Try,
        pace: &mut Pace,
        remarked: &mut bool,
    ) -> Option<(Duration, bool)> {
        let verdict = Verdict::of(letters.len(), answer, pace.form() == Form::Short);
        self.counters.count_send(verdict.sent(), took);
        let id = |index: usize| letters.get(index).map(|letter| letter.id.clone());
        let delivered: Vec<_> = verdict.delivered.iter().filter_map(|index| id(*index)).collect();
        for id in &delivered {
            if self.id.namespace.is_empty() {
                // Standard output says it itself.
                tracing::debug!(sink = %self.id, event.id = id.as_str(), "alert delivered");
            } else {
                tracing::info!(sink = %self.id, event.id = id.as_str(), "alert delivered");
            }
        }
        if let Some(remark) = verdict.remark.filter(|_| !*remarked) {
            *remarked = true;
            tracing::warn!(sink = %self.id, remark, "the receiver answered in an unusual way; taken as delivered, said once");
        }
        let rejected: Vec<_> = verdict.rejected.into_iter().filter_map(|(index, reason)| Some((id(index)?, reason))).collect();
        for (id, reason) in &rejected {
            let (rejected, _) = self.counters.count_rejected(reason);
            tracing::error!(sink = %self.id, event.id = id.as_str(), reason, rejected, "alert rejected; it is kept among the dead letters");
        }
        self.counters.count_delivered(delivered.len(), self.queue.now());
        let settled = delivered.len() + rejected.len();
        let trouble = match verdict.trouble {
            // Nobody can take up what standard output had no reader for.
            Some(Trouble::Gone(reason)) if self.id.namespace.is_empty() => {
                self.drop_all(letters, &reason).await;
                None
            }
            other => {
                self.queue.settle(delivered, rejected).await;
                if settled > 0 {
                    tracing::debug!(sink = %self.id, alerts = settled, "alerts have left the queue");
                }
                other
            }
        };
        let head = letters.first().map(|letter| letter.id.clone());
        let wait = pace.judge(attempt, letters.len(), settled, head, trouble.as_ref());
        if let (Some(trouble), Some(letter)) = (&trouble, letters.first()) {
            self.log(letter, trouble, wait);
        }
        wait.map(|wait| (wait, trouble.is_some_and(|trouble| trouble.needs_a_person())))
    }

    async fn drop_all(&self, letters: &[Letter], reason: &str) {
        for letter in letters {
            let (_, news) = self.counters.count_rejected(reason);
            if news {
                tracing::error!(sink = %self.id, event.id = letter.id.as_str(), reason, "the receiver is gone; from here on alerts are only counted");
            }
        }
        self.queue.settle(letters.iter().map(|letter| letter.id.clone()).collect(), Vec::new()).await;
    }

    fn log(&self, letter: &Letter, trouble: &Trouble, wait: Option<Duration>) {
        let (event_id, reason) = (letter.id.as_str(), trouble.reason());
        match trouble {
            Trouble::Shorten(_) => {
                tracing::warn!(sink = %self.id, event.id = event_id, reason, "alert too large for the receiver; trying the short form");
            }
            Trouble::Split(_) => tracing::warn!(sink = %self.id, reason, "alerts refused together; trying them one by one"),
            Trouble::Retry { .. } | Trouble::Slow(_) | Trouble::Gone(_) => {
                self.counters.count_retried(reason);
                let queued = self.queue.stats().rows;
                let wait_ms = u64::try_from(wait.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(sink = %self.id, event.id = event_id, reason, queued, wait_ms, "alert not delivered yet; it is kept and tried again");
            }
        }
    }
}
