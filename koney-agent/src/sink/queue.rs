//! One sink's alerts that are not delivered yet, oldest first.
//!
//! In goes an alert, out comes the head, and the head stays until it is acknowledged: a failed attempt loses nothing. The three
//! operations are all that a durable queue has to offer in its place.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Letter;
use crate::alert::AlertId;

/// Entries that one sink may be behind.
pub const CAPACITY: usize = 10_000;

/// A bounded queue whose writer never waits.
#[derive(Debug)]
pub struct Queue {
    entries: Mutex<VecDeque<Arc<Letter>>>,
    capacity: usize,
    dropped: AtomicU64,
    arrived: Notify,
}

/// The queue was full and the alert is given up. Final; an operator has to mend the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full; {dropped} alerts were given up so far")]
pub struct Overflow {
    /// How many alerts this queue gave up so far, this one included.
    pub dropped: u64,
}

impl Queue {
    /// An empty queue that holds at most `capacity` alerts.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { entries: Mutex::default(), capacity, dropped: AtomicU64::new(0), arrived: Notify::new() }
    }

    /// Appends an alert. A full queue gives up the new one: what waits longest is what matters most.
    pub fn push(&self, alert: Arc<Letter>) -> Result<(), Overflow> {
        let taken = {
            let mut entries = self.lock();
            let free = entries.len() < self.capacity;
            if free {
                entries.push_back(alert);
            }
            free
        };
        if !taken {
            return Err(Overflow { dropped: self.dropped.fetch_add(1, Ordering::Relaxed) + 1 });
        }
        self.arrived.notify_one();
        Ok(())
    }

    /// The oldest alert, which stays where it is.
    #[must_use]
    pub fn peek(&self) -> Option<Arc<Letter>> {
        self.lock().front().cloned()
    }

    /// Waits until there is an oldest alert.
    pub async fn head(&self) -> Arc<Letter> {
        loop {
            // A permit is kept when nobody waits, so an alert that arrives between the two lines is not slept through.
            if let Some(alert) = self.peek() {
                return alert;
            }
            self.arrived.notified().await;
        }
    }

    /// Removes the head if it is still this alert.
    pub fn acknowledge(&self, id: &AlertId) {
        let mut entries = self.lock();
        if entries.front().is_some_and(|head| head.id == *id) {
            entries.pop_front();
        }
    }

    /// How many alerts wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many alerts found the queue full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Letter>>> {
        // Every critical section is one step on the deque, so a panic elsewhere cannot have left it half changed.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;

    fn alert(number: u8) -> Arc<Letter> {
        let alert = samples::numbered(number);
        Arc::new(Letter { id: alert.id, time: alert.time, body: Vec::new() })
    }

    #[test]
    fn a_full_queue_gives_up_the_newest() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(alert(1)), Ok(()));
        assert_eq!(queue.push(alert(2)), Ok(()));
        assert_eq!(queue.push(alert(3)), Err(Overflow { dropped: 1 }));
        assert_eq!((queue.len(), queue.dropped()), (2, 1));
        assert_eq!(queue.peek().map(|head| head.id.clone()), Some(alert(1).id.clone()));
        queue.acknowledge(&alert(1).id);
        assert_eq!(queue.push(alert(4)), Ok(()));
        queue.acknowledge(&alert(2).id);
        assert_eq!(queue.peek().map(|head| head.id.clone()), Some(alert(4).id.clone()));
    }

    #[test]
    fn only_the_head_is_acknowledged() {
        let queue = Queue::new(2);
        queue.push(alert(1)).expect("room for two");
        queue.push(alert(2)).expect("room for two");
        queue.acknowledge(&alert(2).id);
        assert_eq!(queue.len(), 2);
    }

    #[tokio::test]
    async fn the_head_is_waited_for() {
        let queue = Arc::new(Queue::new(2));
        let reader = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.head().await.id.clone() }
        });
        tokio::task::yield_now().await;
        queue.push(alert(1)).expect("room for two");
        assert_eq!(reader.await.expect("the reader ends"), alert(1).id);
    }
}
