//! What a sink at work does with answers of every kind. Queues are in memory and time is tokio's own, paused.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::alert::{Alert, AlertId, Purpose, samples};

type Respond = Box<dyn FnMut(&[AlertId], Form) -> Answer + Send>;

/// Answers as the test says, and notes who asked for what, and when.
struct Receiver {
    limits: BatchLimits,
    respond: Mutex<Respond>,
    log: Mutex<Vec<(Duration, Vec<AlertId>)>>,
    start: tokio::time::Instant,
}

impl Transport for Receiver {
    fn limits(&self) -> BatchLimits {
        self.limits
    }

    fn attempt<'a>(&'a self, batch: &'a [Letter], form: Form) -> Attempt<'a> {
        Box::pin(async move {
            let ids: Vec<_> = batch.iter().map(|letter| letter.id.clone()).collect();
            self.log.lock().expect("not poisoned").push((self.start.elapsed(), ids.clone()));
            (self.respond.lock().expect("not poisoned"))(&ids, form)
        })
    }
}

/// The wall clock of a paused test.
fn virtual_now() -> Timestamp {
    static START: OnceLock<tokio::time::Instant> = OnceLock::new();
    let start = START.get_or_init(tokio::time::Instant::now);
    let since = tokio::time::Instant::now().saturating_duration_since(*start);
    Timestamp::UNIX_EPOCH + SignedDuration::try_from(since).expect("a short test")
}

fn settings() -> Settings {
    Settings { now: virtual_now, ..Settings::default() }
}

fn receiver(limits: BatchLimits, respond: impl FnMut(&[AlertId], Form) -> Answer + Send + 'static) -> Arc<Receiver> {
    let respond: Mutex<Respond> = Mutex::new(Box::new(respond));
    Arc::new(Receiver { limits, respond, log: Mutex::default(), start: tokio::time::Instant::now() })
}

fn scripted(limits: BatchLimits, answers: Vec<Answer>) -> Arc<Receiver> {
    let mut answers = VecDeque::from(answers);
    receiver(limits, move |_, _| answers.pop_front().unwrap_or(Answer::All(Action::delivered())))
}

/// A first of its kind.
fn alert(pid: u8) -> Arc<Alert> {
    Arc::new(samples::numbered(pid))
}

/// Another access by the process of [`alert`].
fn again(pid: u8, number: u8) -> Arc<Alert> {
    let id = AlertId::from_digest(&[pid, number, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
    Arc::new(Alert { id, ..Alert::clone(&alert(pid)) })
}

fn set(receiver: &Arc<Receiver>, settings: Settings) -> SinkSet {
    let sinks = SinkSet::new(settings);
    let id = SinkId::new("koney-system", "test");
    sinks.add(&id, Filter::default(), Arc::new(stdout::Line), Arc::clone(receiver) as Arc<dyn Transport>);
    sinks
}

async fn until(sinks: &SinkSet, condition: impl Fn(&Health) -> bool) -> Health {
    let waiting = async {
        loop {
            let health = sinks.health().pop().expect("one sink");
            if condition(&health) {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_hours(24), waiting).await.unwrap_or_else(|_| panic!("still {:?}", sinks.health()))
}

fn sizes(receiver: &Receiver) -> Vec<usize> {
    receiver.log.lock().expect("not poisoned").iter().map(|(_, ids)| ids.len()).collect()
}

fn retry(after: Option<Duration>) -> Answer {
    Answer::All(Action::Retry { reason: "later".to_owned(), after })
}

fn why() -> String {
    "why".to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_comes_together_goes_together_within_limits() {
    let receiver = scripted(BatchLimits { entries: 3, bytes: usize::MAX }, vec![]);
    let sinks = set(&receiver, settings());
    drop(sinks.enqueue(&(1..=7).map(alert).collect::<Vec<_>>()));
    until(&sinks, |health| health.delivered == 7).await;
    assert_eq!(sizes(&receiver), [3, 3, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_first_of_a_kind_waits_for_nothing_and_a_count_for_its_minute() {
    let receiver = scripted(BatchLimits::USUAL, vec![]);
    let sinks = set(&receiver, settings());
    sinks.deliver(&alert(1));
    for number in 1..=5 {
        sinks.deliver(&again(1, number));
    }
    until(&sinks, |health| health.delivered == 2).await;
    let log = receiver.log.lock().expect("not poisoned").clone();
    assert_eq!(log[0], (Duration::ZERO, vec![alert(1).id.clone()]));
    assert!(log[1].0 >= Duration::from_mins(1) && log[1].0 < Duration::from_secs(61), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_is_tried_one_by_one_and_what_is_bad_is_kept() {
    let bad = alert(2).id.clone();
    let receiver = receiver(BatchLimits::USUAL, move |ids, _| {
        Answer::All(match ids {
            [one] if *one == bad => Action::Reject { reason: why() },
            [_] => Action::delivered(),
            _ => Action::Split { reason: why() },
        })
    });
    let sinks = set(&receiver, settings());
    drop(sinks.enqueue(&[alert(1), alert(2), alert(3)]));
    let health = until(&sinks, |health| health.delivered == 2).await;
    assert_eq!((health.rejected, health.dead_letters, health.queued), (1, 1, 0));
    assert_eq!(sizes(&receiver), [3, 1, 1, 1]);
    let queue = sinks.queue(&SinkId::new("koney-system", "test")).expect("it is there");
    let dead = queue.dead().await;
    assert_eq!((dead[0].id.clone(), dead[0].reason.as_str()), (alert(2).id.clone(), "why"));
    assert_eq!(queue.revive(vec![alert(2).id.clone()]).await, 1);
    until(&sinks, |health| health.rejected == 2 && health.dead_letters == 1).await;
}

#[tokio::test(start_paused = true)]
async fn each_letter_of_a_batch_has_its_own_fate() {
    let each = Answer::Each(vec![
        Action::delivered(),
        Action::Reject { reason: why() },
        Action::Retry { reason: why(), after: Some(Duration::from_secs(90)) },
    ]);
    let receiver = scripted(BatchLimits::USUAL, vec![each]);
    let sinks = set(&receiver, settings());
    drop(sinks.enqueue(&[alert(1), alert(2), alert(3)]));
    let health = until(&sinks, |health| health.delivered == 2).await;
    assert_eq!((health.dead_letters, health.retried), (1, 1));
    let log = receiver.log.lock().expect("not poisoned").clone();
    assert_eq!(log[1].1, [alert(3).id.clone()]);
    assert!(log[1].0 >= Duration::from_secs(90), "the receiver's wish is obeyed");
}

#[tokio::test(start_paused = true)]
async fn a_wish_of_a_year_is_an_hour() {
    let receiver = scripted(BatchLimits::USUAL, vec![retry(Some(Duration::from_hours(24 * 365)))]);
    let sinks = set(&receiver, settings());
    sinks.deliver(&alert(1));
    until(&sinks, |health| health.delivered == 1).await;
    assert_eq!(receiver.log.lock().expect("not poisoned")[1].0.as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_one_letter_asks_whether_the_receiver_is_back() {
    let receiver = scripted(BatchLimits::USUAL, vec![retry(None); 9]);
    let sinks = set(&receiver, settings());
    drop(sinks.enqueue(&(1..=20).map(alert).collect::<Vec<_>>()));
    until(&sinks, |health| health.delivered == 20).await;
    let sizes = sizes(&receiver);
    assert_eq!(sizes[..5], [20; 5]);
    assert!(sizes[5..10].iter().all(|size| *size == 1), "{sizes:?}");
    assert_eq!(sizes[10..].iter().sum::<usize>(), 19);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_breaks_the_receiver_keeps_no_other() {
    let poison = alert(1).id.clone();
    let healthy = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mended = Arc::clone(&healthy);
    let receiver = receiver(BatchLimits::USUAL, move |ids, _| {
        if ids.contains(&poison) && !mended.load(Ordering::Relaxed) { retry(None) } else { Answer::All(Action::delivered()) }
    });
    let sinks = set(&receiver, settings());
    drop(sinks.enqueue(&(1..=20).map(alert).collect::<Vec<_>>()));
    let health = until(&sinks, |health| health.delivered == 19).await;
    assert_eq!(health.queued, 1);
    healthy.store(true, Ordering::Relaxed);
    until(&sinks, |health| health.delivered == 20 && health.queued == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_asked_slowly_and_everything_is_kept() {
    let receiver = scripted(BatchLimits::USUAL, vec![Answer::All(Action::Gone { reason: why() }); 3]);
    let sinks = set(&receiver, settings());
    drop(sinks.enqueue(&[alert(1), alert(2)]));
    until(&sinks, |health| health.delivered == 2).await;
    let log = receiver.log.lock().expect("not poisoned").clone();
    assert!(log[3].0 >= Duration::from_secs(24 + 48 + 96), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_while_nothing_else_does() {
    let receiver = scripted(BatchLimits::USUAL, vec![]);
    let heart = || Alert { purpose: Purpose::Heartbeat, ..samples::on_host() };
    let sinks = set(&receiver, Settings { heartbeat: Some(Arc::new(heart)), ..settings() });
    sinks.set_heartbeat(&SinkId::new("koney-system", "test"), Duration::from_mins(10));
    tokio::time::sleep(Duration::from_mins(35)).await;
    let log = receiver.log.lock().expect("not poisoned").clone();
    assert_eq!(log.iter().map(|(time, _)| time.as_secs() / 60).collect::<Vec<_>>(), [10, 20, 30]);
    assert_eq!(sinks.health()[0].delivered, 0, "they are not alerts");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_tried_at_once() {
    let receiver = scripted(BatchLimits::USUAL, vec![Answer::All(Action::SlowRetry { reason: why() })]);
    let sinks = set(&receiver, settings());
    sinks.deliver(&alert(1));
    until(&sinks, |health| health.retried == 1).await;
    let other = scripted(BatchLimits::USUAL, vec![]);
    sinks.replace(&SinkId::new("koney-system", "test"), Arc::clone(&other) as Arc<dyn Transport>);
    until(&sinks, |health| health.delivered == 1).await;
    assert!(other.log.lock().expect("not poisoned")[0].0 < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_revoked_for_a_day_delivers_everything_afterwards() {
    let start = tokio::time::Instant::now();
    let receiver = receiver(BatchLimits::USUAL, move |_, _| {
        let revoked = start.elapsed() < Duration::from_hours(24);
        Answer::All(if revoked { Action::SlowRetry { reason: why() } } else { Action::delivered() })
    });
    let sinks = set(&receiver, settings());
    for number in 1..=200 {
        sinks.deliver(&alert(number));
        tokio::time::sleep(Duration::from_mins(7)).await;
    }
    let health = until(&sinks, |health| health.queued == 0).await;
    assert_eq!((health.delivered, health.dropped, health.dead_letters), (200, 0, 0));
    // Every quarter of an hour, and a little earlier, is no nuisance.
    assert!(health.retried < 130, "{health:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_token_under_load_loses_nothing() {
    let id = SinkId::new("koney-system", "test");
    let old = scripted(BatchLimits::USUAL, vec![]);
    let sinks = set(&old, settings());
    let mut told = 0;
    for round in 0..5_u8 {
        for number in 0..40 {
            sinks.deliver(&alert(round * 40 + number + 1));
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let new = scripted(BatchLimits::USUAL, vec![Answer::All(Action::SlowRetry { reason: why() })]);
        sinks.replace(&id, Arc::clone(&new) as Arc<dyn Transport>);
        told += 40;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    sinks.replace(&id, scripted(BatchLimits::USUAL, vec![]) as Arc<dyn Transport>);
    let health = until(&sinks, |health| health.queued == 0).await;
    assert_eq!((health.delivered, health.rejected), (told, 0));
}
