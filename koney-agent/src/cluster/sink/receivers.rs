//! The receivers that a sink can name, one section each.
//!
//! Each has the name of a Secret, a severity, and what it allows that is refused otherwise; the rest is its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::choice::choice;
use super::Severity;

/// A Dynatrace environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DynatraceSpec {
    /// Secret in the sink's namespace with the keys `apiToken` and `apiUrl`.
    #[serde(default)]
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// Send over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// A web server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSpec {
    /// Secret in the sink's namespace with the key `url` and, as needed, `signingSecret`, `token`, `username` with `password`, `headers`.
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// How alerts are written.
    #[serde(default)]
    pub format: WebhookFormat,
    /// Send over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// A receiver of OTLP logs over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtlpSpec {
    /// Secret in the sink's namespace with the key `url` and, as needed, `token`, `username` with `password`, `headers`.
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// Send over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// A channel of Slack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlackSpec {
    /// Secret in the sink's namespace with the key `url`: the address of an incoming webhook.
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// The sentence, with places such as `{sentence}` and `{severity}`; koney has one of its own.
    pub text: Option<String>,
    /// Send over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// Splunk's HTTP Event Collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SplunkSpec {
    /// Secret in the sink's namespace with the keys `url` and `token`.
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// The index; the token's own where it is not given.
    pub index: Option<String>,
    /// The source type; `koney:alert` where it is not given.
    pub sourcetype: Option<String>,
    /// Send over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// Elasticsearch or `OpenSearch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElasticsearchSpec {
    /// Secret in the sink's namespace with the key `url` and, as needed, `apiKey`, `token` or `username` with `password`.
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// Index or data stream; `koney-alerts` where it is not given.
    pub index: Option<String>,
    /// Send over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// Prometheus Alertmanager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertmanagerSpec {
    /// Secret in the sink's namespace with the key `url`, the addresses of all replicas, and, as needed, `token`, `username` with `password`, `headers`.
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// The annotation `summary`, with places such as `{sentence}` and `{severity}`; the sentence alone where it is not given.
    pub text: Option<String>,
    /// Send over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// A receiver of syslog messages over TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyslogSpec {
    /// Secret in the sink's namespace with the key `address`, as HOST:PORT.
    pub secret_name: String,
    /// Severity of alerts whose policy names none.
    #[serde(default)]
    pub severity: Severity,
    /// How alerts are written.
    #[serde(default)]
    pub format: SyslogFormat,
    /// For whom they are.
    #[serde(default)]
    pub facility: SyslogFacility,
    /// The sentence with which a message for people begins, with places such as `{sentence}` and `{severity}`; only with the format
    /// `message`.
    pub text: Option<String>,
    /// Send without TLS; for tests and networks that nobody else is in.
    #[serde(default)]
    pub allow_plain: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
}

/// How a web server gets alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WebhookFormat {
    /// `CloudEvents` 1.0.
    #[default]
    CloudEvents,
    /// Koney's line.
    Koney,
    /// OCSF 1.5.0, class 2004.
    Ocsf,
}

/// What the text of a syslog message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SyslogFormat {
    /// The Common Event Format.
    #[default]
    Cef,
    /// A sentence.
    Message,
}

/// Facilities of syslog that alerts can be for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SyslogFacility {
    /// 4
    Auth,
    /// 10
    #[default]
    Authpriv,
    /// 13
    Audit,
    /// 16
    Local0,
    /// 17
    Local1,
    /// 18
    Local2,
    /// 19
    Local3,
    /// 20
    Local4,
    /// 21
    Local5,
    /// 22
    Local6,
    /// 23
    Local7,
}

choice!(WebhookFormat, "format", {
    "cloudevents" => CloudEvents,
    "koney" => Koney,
    "ocsf" => Ocsf,
});

choice!(SyslogFormat, "format", {
    "cef" => Cef,
    "message" => Message,
});

choice!(SyslogFacility, "facility", {
    "auth" => Auth,
    "authpriv" => Authpriv,
    "audit" => Audit,
    "local0" => Local0,
    "local1" => Local1,
    "local2" => Local2,
    "local3" => Local3,
    "local4" => Local4,
    "local5" => Local5,
    "local6" => Local6,
    "local7" => Local7,
});
