//! The sinks as the pipeline sees them, with transports that tests script and, where the wire matters, a real receiver.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::credentials::Values;
use super::dynatrace::{self, Finding, KEY_API_TOKEN, KEY_API_URL};
use super::http::Options;
use super::*;
use crate::alert::{Alert, samples};

const TICK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// Does what the script says, then delivers; tells what it delivered or was asked to send.
struct Script {
    actions: Mutex<Vec<Action>>,
    attempts: mpsc::UnboundedSender<(String, Form)>,
}

impl Transport for Script {
    fn limits(&self) -> BatchLimits {
        BatchLimits::SINGLE
    }

    fn attempt<'a>(&'a self, batch: &'a [Letter], form: Form) -> Attempt<'a> {
        Box::pin(async move {
            let letter = batch.first().expect("a letter");
            self.attempts.send((letter.id.to_string(), form)).expect("the test listens");
            self.actions.lock().expect("not poisoned").pop().unwrap_or_else(Action::delivered).into()
        })
    }
}

/// Never answers.
struct Hang;

impl Transport for Hang {
    fn limits(&self) -> BatchLimits {
        BatchLimits::SINGLE
    }

    fn attempt<'a>(&'a self, _: &'a [Letter], _: Form) -> Attempt<'a> {
        Box::pin(std::future::pending())
    }
}

/// Panics once, then delivers.
struct PanicOnce(AtomicBool);

impl Transport for PanicOnce {
    fn limits(&self) -> BatchLimits {
        BatchLimits::SINGLE
    }

    fn attempt<'a>(&'a self, _: &'a [Letter], _: Form) -> Attempt<'a> {
        Box::pin(async move {
            assert!(self.0.swap(true, Ordering::Relaxed), "the panic that the test wants");
            Action::delivered().into()
        })
    }
}

fn script(mut actions: Vec<Action>) -> (Arc<Script>, mpsc::UnboundedReceiver<(String, Form)>) {
    let (attempts, seen) = mpsc::unbounded_channel();
    actions.reverse();
    (Arc::new(Script { actions: Mutex::new(actions), attempts }), seen)
}

fn quick(entries: usize) -> Settings {
    let schedule = Schedule { first: TICK, cap: TICK };
    let bounds = store::Bounds { entries, ..store::Bounds::default() };
    Settings { bounds, schedules: Schedules { fast: schedule, slow: schedule }, ..Settings::default() }
}

/// Failures wait longer than any test, so only a change can end the wait.
fn patient() -> Settings {
    let schedule = Schedule { first: 1000 * PATIENCE, cap: 1000 * PATIENCE };
    Settings { schedules: Schedules { fast: schedule, slow: schedule }, ..Settings::default() }
}

fn alert(number: u8) -> Arc<Alert> {
    Arc::new(samples::numbered(number))
}

fn health_of(sinks: &SinkSet, name: &str) -> Health {
    sinks.health().into_iter().find(|health| health.id.name == name).expect("the sink exists")
}

async fn until(sinks: &SinkSet, name: &str, condition: impl Fn(&Health) -> bool) -> Health {
    let waiting = async {
        loop {
            let health = health_of(sinks, name);
            if condition(&health) {
                return health;
            }
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("still {:?}", health_of(sinks, name)))
}

fn dynatrace(name: &str, url: &str, token: &str) -> SinkConfig {
    let id = SinkId::new("koney-system", name);
    let secret = BTreeMap::from([(KEY_API_URL, url), (KEY_API_TOKEN, token)]);
    let value = |key: &str| secret.get(key).copied().map(str::as_bytes);
    let values = Values { sink: &id, secret: "tenant", value: &value };
    let config = dynatrace::Config::new(&values, Options { allow_http: true, allow_local: true });
    wanted(id.clone(), config.map(Target::Dynatrace))
}

fn wanted(id: SinkId, target: Result<Target, ConfigError>) -> SinkConfig {
    SinkConfig { id, form: "dynatrace", filter: Filter::default(), render: Arc::new(Finding::default()), heartbeat: None, target }
}

fn broken(name: &str) -> SinkConfig {
    let id = SinkId::new("koney-system", name);
    wanted(id.clone(), Err(ConfigError::SecretMissing { sink: id, secret: "tenant".to_owned(), keys: "`apiUrl` and `apiToken`" }))
}

fn retry() -> Action {
    Action::Retry { reason: "later".to_owned(), after: None }
}

#[tokio::test]
async fn the_head_is_tried_until_it_is_delivered() {
    let sinks = SinkSet::new(quick(10));
    let slow = Action::SlowRetry { reason: "mend it".to_owned() };
    let (transport, mut seen) = script(vec![retry(), slow, retry()]);
    sinks.add_builtin("test", Arc::new(stdout::Line), transport);
    sinks.deliver(&alert(1));
    sinks.deliver(&alert(2));
    let health = until(&sinks, "test", |health| health.delivered == 2).await;
    assert_eq!((health.retried, health.queued, health.last_error), (3, 0, None));
    let ids: Vec<_> = std::iter::from_fn(|| seen.try_recv().ok()).map(|(id, _)| id).collect();
    let (first, second) = (alert(1).id.to_string(), alert(2).id.to_string());
    assert_eq!(ids, [first.clone(), first.clone(), first.clone(), first, second]);
}

#[tokio::test]
async fn too_large_is_shortened_once_and_then_rejected() {
    let sinks = SinkSet::new(quick(10));
    let reason = || "too large".to_owned();
    let (transport, mut seen) = script(vec![Action::Shorten { reason: reason() }, retry(), Action::Reject { reason: reason() }]);
    sinks.add_builtin("test", Arc::new(stdout::Line), transport);
    sinks.deliver(&alert(1));
    sinks.deliver(&alert(2));
    let health = until(&sinks, "test", |health| health.delivered == 1).await;
    assert_eq!((health.rejected, health.queued), (1, 0));
    let forms: Vec<_> = std::iter::from_fn(|| seen.try_recv().ok()).map(|(_, form)| form).collect();
    assert_eq!(forms, [Form::Full, Form::Short, Form::Short, Form::Full]);
}

#[tokio::test]
async fn a_hanging_sink_delays_no_other_and_runs_short_of_space_alone() {
    let sinks = SinkSet::new(quick(2));
    sinks.add_builtin("hangs", Arc::new(stdout::Line), Arc::new(Hang));
    let (transport, _seen) = script(vec![]);
    sinks.add_builtin("works", Arc::new(stdout::Line), transport);
    for number in 1..=5 {
        sinks.deliver(&alert(number));
        until(&sinks, "works", |health| health.delivered == u64::from(number)).await;
    }
    let hangs = health_of(&sinks, "hangs");
    assert_eq!((hangs.queued, hangs.counted, hangs.dropped, hangs.delivered), (2, 4, 0, 0));
    let leftovers = sinks.shutdown(TICK).await;
    assert_eq!(leftovers, [Leftover { id: SinkId::new("", "hangs"), alerts: 2, kept: false }]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_started_again_and_loses_nothing() {
    let sinks = SinkSet::new(quick(10));
    sinks.add_builtin("test", Arc::new(stdout::Line), Arc::new(PanicOnce(AtomicBool::new(false))));
    sinks.deliver(&alert(1));
    assert_eq!(until(&sinks, "test", |health| health.delivered == 1).await.queued, 0);
}

#[tokio::test]
async fn a_new_token_sends_what_the_old_one_could_not() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("authorization", "Bearer good"))
        .respond_with(ResponseTemplate::new(202))
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(401)).with_priority(9).mount(&server).await;
    let sinks = SinkSet::new(patient());
    sinks.reconcile(vec![dynatrace("prod", &server.uri(), "bad")]);
    sinks.deliver(&alert(1));
    sinks.deliver(&alert(2));
    let health = until(&sinks, "prod", |health| health.retried == 1).await;
    assert_eq!((health.queued, health.delivered), (2, 0));
    assert!(health.last_error.is_some_and(|error| error.contains("401") && error.contains("apiToken")));
    sinks.reconcile(vec![dynatrace("prod", &server.uri(), "good")]);
    let health = until(&sinks, "prod", |health| health.delivered == 2).await;
    assert_eq!((health.queued, health.last_error), (0, None));
}

#[tokio::test]
async fn alerts_wait_for_a_missing_secret() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(202)).mount(&server).await;
    let sinks = SinkSet::new(patient());
    sinks.reconcile(vec![broken("prod"), dynatrace("other", &server.uri(), "good")]);
    sinks.deliver(&alert(1));
    until(&sinks, "other", |health| health.delivered == 1).await;
    let health = health_of(&sinks, "prod");
    assert_eq!((health.configured, health.queued), (false, 1));
    assert!(health.last_error.is_some_and(|error| error.contains("koney-system/prod") && error.contains("`tenant`")));
    sinks.reconcile(vec![dynatrace("prod", &server.uri(), "good"), dynatrace("other", &server.uri(), "good")]);
    assert!(until(&sinks, "prod", |health| health.delivered == 1).await.configured);
    // The Secret is taken away again: nothing is sent any more.
    sinks.reconcile(vec![broken("prod")]);
    sinks.deliver(&alert(2));
    assert_eq!(sinks.health().len(), 1);
    assert_eq!(sinks.shutdown(PATIENCE).await, [Leftover { id: SinkId::new("koney-system", "prod"), alerts: 1, kept: false }]);
}

#[tokio::test]
async fn a_slip_keeps_the_last_good_configuration() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(202)).mount(&server).await;
    let sinks = SinkSet::new(patient());
    sinks.reconcile(vec![dynatrace("prod", &server.uri(), "good")]);
    sinks.reconcile(vec![dynatrace("prod", "no URL", "good")]);
    sinks.deliver(&alert(1));
    let health = until(&sinks, "prod", |health| health.delivered == 1).await;
    assert!(health.configured && health.last_error.is_some_and(|error| error.contains("`apiUrl`")));
}

#[tokio::test]
async fn shutdown_sends_what_waits() {
    let sinks = SinkSet::new(patient());
    let (transport, _seen) = script(vec![retry()]);
    sinks.add_builtin("test", Arc::new(stdout::Line), transport);
    sinks.deliver(&alert(1));
    sinks.deliver(&alert(2));
    until(&sinks, "test", |health| health.retried == 1).await;
    assert_eq!(sinks.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn standard_output_gets_one_line_per_alert() {
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);
    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let memory = Memory::default();
    let sinks = SinkSet::new(quick(10));
    sinks.add_builtin("stdout", Arc::new(stdout::Line), Arc::new(stdout::Lines::new(memory.clone()).expect("a thread")));
    let alerts = [Arc::new(samples::in_pod()), Arc::new(Alert { id: alert(1).id.clone(), ..samples::on_host() })];
    for alert in &alerts {
        sinks.deliver(alert);
    }
    assert_eq!(sinks.shutdown(PATIENCE).await, []);
    let written = String::from_utf8(memory.0.lock().expect("not poisoned").clone()).expect("ASCII");
    let expected: String = alerts.iter().map(|alert| crate::alert::line::line(alert) + "\n").collect();
    assert_eq!(written, expected);
}

#[tokio::test]
async fn a_sink_is_given_only_what_its_filter_takes() {
    let sinks = SinkSet::new(patient());
    let filter = Filter { policies: ["another".to_owned()].into(), ..Filter::default() };
    sinks.reconcile(vec![SinkConfig { filter, ..broken("filtered") }, broken("open")]);
    sinks.deliver(&alert(1));
    assert_eq!((health_of(&sinks, "filtered").queued, health_of(&sinks, "open").queued), (0, 1));
    // The filter is the resource's, which may change while the Secret is missing.
    sinks.reconcile(vec![broken("filtered"), broken("open")]);
    sinks.deliver(&alert(2));
    assert_eq!(health_of(&sinks, "filtered").queued, 1);
}
