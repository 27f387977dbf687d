use std::fmt::Debug;

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::alert::{Alert, samples};
use crate::sink::credentials::Values;
use crate::sink::http::{Courier, Options};
use crate::sink::{Action, Answer, Form, Letter, SinkId, Transport as _, Trial};

const TOKEN: &str = "dt0c01.PUBLIC.VERYSECRET";
const ENDPOINT: &str = "/platform/ingest/v1/security.events";

pub(super) fn client(url: &str, token: &str, ca_bundle: &str) -> Courier<Config> {
    let sink = SinkId::new("koney-system", "prod");
    let value = |key: &str| match key {
        KEY_API_URL => Some(url.as_bytes()),
        KEY_API_TOKEN => Some(token.as_bytes()),
        "caBundle" => Some(ca_bundle.as_bytes()),
        _ => None,
    };
    let values = Values { sink: &sink, secret: "tenant", value: &value };
    Courier::new(Config::new(&values, Options { allow_http: true, allow_local: true }).expect("a good Secret"))
}

pub(super) async fn attempt(client: &Courier<Config>, batch: &[Letter], form: Form) -> Action {
    match client.send(batch, form).await {
        Answer::All(action) => action,
        other @ Answer::Each(_) => panic!("the endpoint answers for all of them, not {other:?}"),
    }
}

pub(super) fn letters(alert: &Alert) -> [Letter; 1] {
    [samples::letter(&Finding::default(), alert)]
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path(ENDPOINT)).respond_with(template).mount(&server).await;
    server
}

async fn send(template: ResponseTemplate) -> Action {
    let server = answering(template).await;
    attempt(&client(&server.uri(), TOKEN, ""), &letters(&samples::in_pod()), Form::Full).await
}

fn without_secret(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    assert!(!text.contains("VERYSECRET"), "{text}");
    text
}

#[tokio::test]
async fn a_trial_reads_what_a_delivery_leaves_unread() {
    let server = answering(ResponseTemplate::new(202).set_body_string(format!("queued for {TOKEN}"))).await;
    let [letter] = letters(&samples::in_pod());
    let Trial { answer, said } = client(&server.uri(), TOKEN, "").trial(&letter).await;
    assert_eq!(answer, Action::delivered().into());
    let said = said.expect("it has answered");
    assert!(said.starts_with("answer 202 Accepted: queued for "), "{said}");
    without_secret(&said);
}

#[tokio::test]
async fn an_event_is_one_json_object_with_the_right_headers() {
    let server = answering(ResponseTemplate::new(202)).await;
    for (token, authorization) in [(TOKEN, format!("Api-Token {TOKEN}")), ("dt0s16.P.S\n", "Bearer dt0s16.P.S".to_owned())] {
        let client = client(&format!("{}/api/", server.uri()), token, "");
        assert_eq!(attempt(&client, &letters(&samples::in_pod()), Form::Full).await, Action::delivered());
        let requests = server.received_requests().await.expect("requests are recorded");
        let request = requests.last().expect("one request");
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!(header("authorization"), Some(authorization));
        assert_eq!(header("content-type").as_deref(), Some("application/json"));
        assert_eq!(header("user-agent"), Some(format!("koney/{}", env!("CARGO_PKG_VERSION"))));
        let event: serde_json::Value = serde_json::from_slice(&request.body).expect("a JSON body");
        assert_eq!(event["event.id"], "C85DB174F28C4FDD0892C4B8F280A86B");
        without_secret(&client);
    }
}

#[tokio::test]
async fn statuses_become_actions_over_the_wire() {
    assert_eq!(send(ResponseTemplate::new(202).set_body_string("x".repeat(100_000))).await, Action::delivered());
    assert!(matches!(send(ResponseTemplate::new(204)).await, Action::Delivered { remark: Some(_) }));
    assert!(matches!(send(ResponseTemplate::new(200).set_body_raw("<html>", "text/html")).await, Action::SlowRetry { .. }));
    assert!(matches!(send(ResponseTemplate::new(403)).await, Action::SlowRetry { .. }));
    assert!(matches!(
        send(ResponseTemplate::new(503).insert_header("retry-after", "7")).await,
        Action::Retry { after: Some(_), .. }
    ));
    let error = serde_json::json!({"error": {"code": 400, "message": "no such\u{1b} field"}});
    assert_eq!(
        send(ResponseTemplate::new(400).set_body_json(error)).await,
        Action::Reject { reason: "answer 400 Bad Request: no such field".to_owned() }
    );
    // A huge error body is not read to its end, so it is no JSON; the status still decides.
    let huge = serde_json::json!({"error": {"message": "x".repeat(1_000_000)}});
    assert_eq!(
        send(ResponseTemplate::new(400).set_body_json(huge)).await,
        Action::Reject { reason: "answer 400 Bad Request".to_owned() }
    );
}

#[tokio::test]
async fn the_token_is_not_repeated_when_the_receiver_repeats_it() {
    let message = "x".repeat(1010) + " you sent Api-Token " + TOKEN;
    let action = send(ResponseTemplate::new(401).set_body_json(serde_json::json!({"error": {"message": message}}))).await;
    assert!(matches!(action, Action::SlowRetry { .. }));
    without_secret(&action);
    let text =
        format!("{:?}", send(ResponseTemplate::new(500).set_body_json(serde_json::json!({"error": {"message": TOKEN}}))).await);
    assert!(text.contains("[REDACTED]"), "{text}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = answering(ResponseTemplate::new(202)).await;
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}{ENDPOINT}?t={TOKEN}", elsewhere.uri());
        let action = send(ResponseTemplate::new(status).insert_header("location", target)).await;
        assert!(matches!(action, Action::SlowRetry { .. }), "{status}");
        assert!(without_secret(&action).contains("127.0.0.1"));
    }
    assert_eq!(elsewhere.received_requests().await.map(|requests| requests.len()), Some(0));
}

#[tokio::test]
async fn an_unreachable_receiver_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let client = client(&format!("http://{address}"), TOKEN, "");
    let closing = tokio::spawn(async move {
        // Accepts once and hangs up without an answer; afterwards nobody listens.
        drop(listener.accept().await);
    });
    for _ in 0..2 {
        let action = attempt(&client, &letters(&samples::in_pod()), Form::Full).await;
        assert!(matches!(action, Action::Retry { after: None, .. }), "{action:?}");
        assert!(without_secret(&action).contains("127.0.0.1"));
    }
    closing.await.expect("the listener ends");
}

#[tokio::test]
async fn the_short_form_is_shorter() {
    let server = answering(ResponseTemplate::new(413)).await;
    let client = client(&server.uri(), TOKEN, "");
    let alert = samples::with_arguments(&"x".repeat(4000));
    assert!(matches!(attempt(&client, &letters(&alert), Form::Full).await, Action::Shorten { .. }));
    assert!(matches!(attempt(&client, &letters(&alert), Form::Short).await, Action::Reject { .. }));
    let requests = server.received_requests().await.expect("requests are recorded");
    let lengths: Vec<_> = requests.iter().map(|request| request.body.len()).collect();
    assert!(matches!(lengths.as_slice(), [full, short] if full - short > 3500), "{lengths:?}");
}

#[tokio::test]
async fn a_batch_is_an_array_and_is_split_when_it_is_refused() {
    let server = answering(ResponseTemplate::new(202)).await;
    let batch: Vec<_> = (1..=3).map(|number| samples::letter(&Finding::default(), &samples::numbered(number))).collect();
    assert_eq!(attempt(&client(&server.uri(), TOKEN, ""), &batch, Form::Full).await, Action::delivered());
    let requests = server.received_requests().await.expect("requests are recorded");
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).expect("a JSON body");
    let ids: Vec<_> = body.as_array().expect("an array").iter().map(|event| event["event.id"].clone()).collect();
    assert_eq!(ids, batch.iter().map(|letter| letter.id.as_str()).collect::<Vec<_>>());
    for status in [400, 413] {
        let server = answering(ResponseTemplate::new(status)).await;
        let action = attempt(&client(&server.uri(), TOKEN, ""), &batch, Form::Full).await;
        assert!(matches!(action, Action::Split { .. }), "{action:?}");
    }
}
