//! One of each sink, for tests that hold for all of them.

use std::sync::Arc;

use super::credentials::Values;
use super::http::{Courier, Options};
use super::{Letter, Render, SinkId, Transport, alertmanager, dynatrace, elasticsearch, otlp, slack, splunk, syslog, webhook};
use crate::alert::samples;

/// The credential of each of them.
pub(super) const SECRET: &str = "dt0c01.PUBLIC.VERYSECRET";

/// A sink over HTTP whose receiver is at an address.
pub(super) struct Example {
    pub(super) name: &'static str,
    pub(super) transport: Arc<dyn Transport>,
    /// An answer with which the receiver takes the letters.
    pub(super) success: (u16, String),
    /// Its configuration, printed.
    pub(super) printed: String,
    render: Arc<dyn Render>,
}

impl Example {
    /// As many as it takes at once, up to three.
    pub(super) fn letters(&self) -> Vec<Letter> {
        let number = if self.transport.limits().entries > 1 { 3 } else { 1 };
        (1..=number).map(|number| samples::letter(&*self.render, &samples::numbered(number))).collect()
    }
}

/// Every way in which an alert is written, by name.
pub(super) fn renders() -> Vec<(&'static str, Arc<dyn Render>)> {
    use webhook::{Format, Webhook};
    let webhook = |format| Arc::new(Webhook { format, ..Webhook::default() });
    vec![
        ("stdout", Arc::new(super::stdout::Line)),
        ("dynatrace", Arc::new(dynatrace::Finding::default())),
        ("webhook-cloudevents", webhook(Format::CloudEvents)),
        ("webhook-koney", webhook(Format::Koney)),
        ("webhook-ocsf", webhook(Format::Ocsf)),
        ("otlp", Arc::new(otlp::LogRecord::default())),
        ("slack", Arc::new(slack::Message::default())),
        ("splunk", Arc::new(splunk::HecEvent::default())),
        ("elasticsearch", Arc::new(elasticsearch::Document::default())),
        ("alertmanager", Arc::new(alertmanager::PrometheusAlert::default())),
        ("syslog-cef", Arc::new(syslog::Message::default())),
        ("syslog-message", Arc::new(syslog::Message { format: syslog::Format::Message, ..syslog::Message::default() })),
    ]
}

/// All sinks over HTTP. `root` vouches for the receiver.
pub(super) fn examples(url: &str, root: &str) -> Vec<Example> {
    let sink = SinkId::new("koney-system", "prod");
    // With these the address is the credential.
    let secret_url = format!("{url}/services/{SECRET}");
    let secret = |url: String| {
        move |key: &str| match key {
            "apiUrl" | "url" => Some(url.clone().leak().as_bytes()),
            "apiToken" | "token" => Some(SECRET.as_bytes()),
            "caBundle" => Some(root.as_bytes()),
            _ => None,
        }
    };
    let (plain, secret) = (secret(url.to_owned()), secret(secret_url));
    let plain = Values { sink: &sink, secret: "secret", value: &plain };
    let secret = Values { sink: &sink, secret: "secret", value: &secret };
    let options = Options { allow_http: false, allow_local: true };
    let good = "a good Secret";
    let created = r#"{"create":{"status":201}}"#;
    let items = format!(r#"{{"errors":false,"items":[{created},{created},{created}]}}"#);
    vec![
        example("dynatrace", 202, "", dynatrace::Config::new(&plain, options).expect(good), dynatrace::Finding::default()),
        example("webhook", 204, "", webhook::Config::new(&secret, options).expect(good), webhook::Webhook::default()),
        example("otlp", 200, "{}", otlp::Config::new(&plain, options).expect(good), otlp::LogRecord::default()),
        example("slack", 200, "ok", slack::Config::new(&secret, options).expect(good), slack::Message::default()),
        example(
            "splunk",
            200,
            r#"{"text":"Success","code":0}"#,
            splunk::Config::new(&plain, options).expect(good),
            splunk::HecEvent::default(),
        ),
        example(
            "elasticsearch",
            200,
            &items,
            elasticsearch::Config::new(&plain, options).expect(good),
            elasticsearch::Document::default(),
        ),
        example(
            "alertmanager",
            200,
            "",
            alertmanager::Config::new(&plain, options).expect(good),
            alertmanager::PrometheusAlert::default(),
        ),
    ]
}

fn example<P: super::http::Protocol + std::fmt::Debug>(
    name: &'static str,
    status: u16,
    body: &str,
    config: P,
    render: impl Render + 'static,
) -> Example {
    let printed = format!("{config:?}");
    let (transport, render) = (Arc::new(Courier::new(config)), Arc::new(render));
    Example { name, transport, success: (status, body.to_owned()), printed, render }
}
