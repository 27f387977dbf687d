//! Everything is logged, and the token is not in it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::credentials::Values;
use super::dynatrace::{Config, Finding};
use super::http::Options;
use super::http::hostile::{self, Behaviour};
use super::*;
use crate::alert::samples;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn everything_logged() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

/// Nor does what the client beneath a sink logs, where the address is the secret.
#[test]
fn no_log_line_holds_the_secret_of_any_sink() {
    alone::passes("sink::leak_tests::every_sink_with_everything_logged", &[]);
}

#[tokio::test]
#[ignore = "run by `no_log_line_holds_the_secret_of_any_sink`"]
async fn every_sink_with_everything_logged() {
    let (log, guard) = everything_logged();
    let location = format!("location: https://elsewhere.example/{}", every::SECRET);
    let behaviours = [Behaviour::answer(401, every::SECRET), Behaviour::with_header(307, &location, ""), Behaviour::Close];
    let mut receivers = Vec::new();
    for behaviour in behaviours {
        let server = hostile::serve("localhost", behaviour).await;
        receivers.push((server.url, server.root));
    }
    // Nobody listens on port 1, and nobody has this name.
    receivers.extend(["https://localhost:1", "https://receiver.invalid"].map(|url| (url.to_owned(), String::new())));
    for (url, root) in receivers {
        for example in every::examples(&url, &root) {
            let answer = example.transport.attempt(&example.letters(), Form::Full).await;
            tracing::info!(sink = example.name, config = example.printed, ?answer, "tried");
        }
    }
    drop(guard);
    let text = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("logs are UTF-8");
    for expected in ["sink=\"slack\"", "connecting to", "[REDACTED]"] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    let leak = text.lines().find(|line| line.contains("VERYSECRET"));
    assert_eq!(leak, None);
}

/// Tests beside it decide which log statements are switched off, so it runs without them.
#[test]
fn no_log_line_holds_the_token() {
    alone::passes("sink::leak_tests::with_everything_logged", &[]);
}

#[tokio::test]
#[ignore = "run by `no_log_line_holds_the_token`"]
async fn with_everything_logged() {
    let (log, guard) = everything_logged();
    let server = MockServer::start().await;
    let echo = serde_json::json!({"error": {"message": "Authorization: Api-Token dt0c01.PUBLIC.VERYSECRET"}});
    for status in [500, 413, 400] {
        let template = ResponseTemplate::new(status).set_body_json(&echo);
        Mock::given(method("POST")).respond_with(template).up_to_n_times(1).mount(&server).await;
    }
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(202)).mount(&server).await;

    let tick = Schedule { first: Duration::from_millis(1), cap: Duration::from_millis(1) };
    let sinks = SinkSet::new(Settings { schedules: Schedules { fast: tick, slow: tick }, ..Settings::default() });
    let id = SinkId::new("koney-system", "prod");
    let uri = server.uri();
    let value = |key: &str| match key {
        "apiUrl" => Some(uri.as_bytes()),
        "apiToken" => Some(b"dt0c01.PUBLIC.VERYSECRET".as_slice()),
        _ => None,
    };
    let values = Values { sink: &id, secret: "tenant", value: &value };
    let config = Config::new(&values, Options { allow_http: true, allow_local: true });
    sinks.reconcile(vec![SinkConfig {
        form: "dynatrace",
        target: config.map(Target::Dynatrace),
        filter: Filter::default(),
        render: Arc::new(Finding::default()),
        heartbeat: None,
        id,
    }]);
    sinks.deliver(&Arc::new(samples::numbered(1)));
    sinks.deliver(&Arc::new(samples::numbered(2)));
    assert_eq!(sinks.shutdown(Duration::from_mins(1)).await, []);
    drop(guard);

    let text = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("logs are UTF-8");
    for expected in ["alert rejected", "alert delivered", "tried again", "[REDACTED]", "sink=koney-system/prod"] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    assert!(text.contains(&format!("event.id=\"{}\"", samples::numbered(2).id)), "{text}");
    assert!(!text.contains("VERYSECRET"), "{text}");
}
