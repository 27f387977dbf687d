//! One sink at work: take the head, try it, decide, and again.
//!
//! The head stays in the queue until it was delivered or can never be. A sink that fails, hangs or panics does so alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::backoff::Backoff;
use super::health::Counters;
use super::{Action, Answer, Form, Letter, Queue, Schedules, SinkId, Transport};

const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(1);

/// What the task is told from outside; every change wakes it at once.
#[derive(Clone, Default)]
pub(super) struct Orders {
    /// Absent while the configuration has no credentials: alerts wait.
    pub(super) transport: Option<Arc<dyn Transport>>,
    /// Try everything that waits once more, then end.
    pub(super) closing: bool,
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

enum Next {
    Continue,
    Wait(Duration),
    WaitForPerson(Duration),
}

/// Runs the task, and again whenever it panics; ends when it is told to close.
pub(super) async fn supervise(task: Task) {
    loop {
        let mut running = JoinSet::new();
        running.spawn(task.clone().run());
        match running.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                tracing::error!(sink = %task.id, "the task of this sink panicked and is started again; nothing it holds is lost");
                tokio::time::sleep(PAUSE_AFTER_PANIC).await;
            }
            _ => return,
        }
    }
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::new(self.schedules);
        let mut form = Form::Full;
        let mut remarked = false;
        while let Some(alert) = self.next_alert().await {
            let orders = self.orders.borrow_and_update().clone();
            let Some(transport) = orders.transport else {
                if orders.closing || self.orders.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let action = match transport.attempt(std::slice::from_ref(&alert), form).await {
                Answer::All(action) => action,
                Answer::Each(mut actions) => actions.pop().unwrap_or_else(Action::delivered),
            };
            match self.settle(&alert, action, &mut form, &mut backoff, &mut remarked) {
                Next::Continue => {}
                // Nobody will mend it before we are gone, and others wait for us to end.
                Next::WaitForPerson(_) if orders.closing => return,
                Next::Wait(wait) | Next::WaitForPerson(wait) => {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        changed = self.orders.changed() => {
                            if changed.is_err() {
                                return;
                            }
                            backoff.reset();
                        }
                    }
                }
            }
        }
    }

    /// Waits for a head; none when closing and everything is done.
    async fn next_alert(&mut self) -> Option<Arc<Letter>> {
        loop {
            if let Some(alert) = self.queue.peek() {
                return Some(alert);
            }
            if self.orders.borrow_and_update().closing {
                return None;
            }
            tokio::select! {
                alert = self.queue.head() => return Some(alert),
                changed = self.orders.changed() => changed.ok()?,
            }
        }
    }

    fn settle(&self, alert: &Letter, action: Action, form: &mut Form, backoff: &mut Backoff, remarked: &mut bool) -> Next {
        let event_id = alert.id.as_str();
        match action {
            Action::Delivered { remark } => {
                if let Some(remark) = remark.filter(|_| !*remarked) {
                    *remarked = true;
                    tracing::warn!(sink = %self.id, remark, "the receiver answered in an unusual way; taken as delivered, said once");
                }
                self.counters.count_delivered();
                if self.id.namespace.is_empty() {
                    // Standard output says it itself.
                    tracing::debug!(sink = %self.id, event.id = event_id, "alert delivered");
                } else {
                    tracing::info!(sink = %self.id, event.id = event_id, "alert delivered");
                }
            }
            Action::Split { reason } | Action::Reject { reason } => {
                let (rejected, _) = self.counters.count_rejected(&reason);
                tracing::error!(sink = %self.id, event.id = event_id, reason, rejected, "alert rejected; it is not tried again");
            }
            Action::Gone { reason } => {
                let (_, news) = self.counters.count_rejected(&reason);
                if news {
                    tracing::error!(sink = %self.id, event.id = event_id, reason, "the receiver is gone; from here on alerts are only counted");
                }
            }
            Action::Shorten { reason } => {
                tracing::warn!(sink = %self.id, event.id = event_id, reason, "alert too large for the receiver; trying the short form");
                *form = Form::Short;
                return Next::Continue;
            }
            Action::Retry { reason, after } => {
                let wait = backoff.next_fast(after);
                self.log_retry(event_id, &reason, wait);
                return Next::Wait(wait);
            }
            Action::SlowRetry { reason } => {
                let wait = backoff.next_slow();
                self.log_retry(event_id, &reason, wait);
                return Next::WaitForPerson(wait);
            }
        }
        self.queue.acknowledge(&alert.id);
        *form = Form::Full;
        backoff.reset();
        Next::Continue
    }

    fn log_retry(&self, event_id: &str, reason: &str, wait: Duration) {
        self.counters.count_retried(reason);
        let (queued, wait_ms) = (self.queue.len(), u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        tracing::warn!(sink = %self.id, event.id = event_id, reason, queued, wait_ms, "alert not delivered yet; it is kept and tried again");
    }
}
