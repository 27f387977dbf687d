//! What a sink is told: who it is and where its alerts go.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::http::Courier;
use super::{Filter, Render, Transport, alertmanager, dynatrace, elasticsearch, otlp, slack, splunk, syslog, webhook};

/// Names one sink: namespace and name of its resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SinkId {
    /// Namespace of the resource; empty for a sink that no resource describes.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
}

/// One sink as it is wanted now.
pub struct SinkConfig {
    /// Which sink.
    pub id: SinkId,
    /// The form of what it is sent, in one word: what waits in one form is nothing for a receiver of another.
    pub form: &'static str,
    /// Which alerts it takes, also while nothing can be sent.
    pub filter: Filter,
    /// How they are written, also while nothing can be sent.
    pub render: Arc<dyn Render>,
    /// Between two messages that say no more than that this agent lives; none unless asked for.
    pub heartbeat: Option<Duration>,
    /// Where its alerts go, or why that is not known. A sink with an error exists and keeps its alerts.
    pub target: Result<Target, ConfigError>,
}

/// A receiver, with all that is needed to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Security events of a Dynatrace environment.
    Dynatrace(dynatrace::Config),
    /// A web server.
    Webhook(webhook::Config),
    /// A receiver of OTLP.
    Otlp(otlp::Config),
    /// A channel of Slack.
    Slack(slack::Config),
    /// Splunk's HTTP Event Collector.
    Splunk(splunk::Config),
    /// Elasticsearch or `OpenSearch`.
    Elasticsearch(elasticsearch::Config),
    /// Prometheus Alertmanager.
    Alertmanager(alertmanager::Config),
    /// A receiver of syslog.
    Syslog(syslog::Config),
}

/// A sink cannot be configured. Final until its resource or Secret changes; the operator who owns them acts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The resource names no receiver.
    #[error(
        "sink {sink}: the resource names no receiver, or several; keep one section such as `spec.dynatrace`, with the `secretName` of a Secret of its namespace"
    )]
    NoReceiver {
        /// Which sink.
        sink: SinkId,
    },
    /// There is no such Secret.
    #[error("sink {sink}: Secret `{secret}` was not found; create it in the namespace of the sink, with the keys {keys}")]
    SecretMissing {
        /// Which sink.
        sink: SinkId,
        /// Name of the Secret.
        secret: String,
        /// What has to be in it.
        keys: &'static str,
    },
    /// The Secret lacks a key, or its value is empty.
    #[error("sink {sink}: Secret `{secret}` has no value under the key `{key}`; add it")]
    KeyMissing {
        /// Which sink.
        sink: SinkId,
        /// Name of the Secret.
        secret: String,
        /// Name of the key.
        key: &'static str,
    },
    /// The value of a key cannot be used. Its text is not repeated here: it may be, or hold, a credential.
    #[error("sink {sink}: the key `{key}` of Secret `{secret}` cannot be used: {problem}")]
    KeyInvalid {
        /// Which sink.
        sink: SinkId,
        /// Name of the Secret.
        secret: String,
        /// Name of the key.
        key: &'static str,
        /// What is wrong and how to mend it.
        problem: String,
    },
}

impl fmt::Debug for SinkConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, form, filter, render: _, heartbeat, target } = self;
        formatter
            .debug_struct("SinkConfig")
            .field("id", id)
            .field("form", form)
            .field("filter", filter)
            .field("heartbeat", heartbeat)
            .field("target", target)
            .finish_non_exhaustive()
    }
}

impl Target {
    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        match self {
            Self::Dynatrace(config) => Arc::new(Courier::new(config.clone())),
            Self::Webhook(config) => Arc::new(Courier::new(config.clone())),
            Self::Otlp(config) => Arc::new(Courier::new(config.clone())),
            Self::Slack(config) => Arc::new(Courier::new(config.clone())),
            Self::Splunk(config) => Arc::new(Courier::new(config.clone())),
            Self::Elasticsearch(config) => Arc::new(Courier::new(config.clone())),
            Self::Alertmanager(config) => Arc::new(Courier::new(config.clone())),
            Self::Syslog(config) => Arc::new(syslog::Client::new(config.clone())),
        }
    }
}

impl ConfigError {
    /// Whether the credentials were taken away, so that the ones known before must not be used any more. A value that is merely
    /// wrong is a slip: the last good one goes on meanwhile.
    pub(super) fn withdraws(&self) -> bool {
        match self {
            Self::NoReceiver { .. } | Self::SecretMissing { .. } | Self::KeyMissing { .. } => true,
            Self::KeyInvalid { .. } => false,
        }
    }
}

impl SinkId {
    /// Names the sink of a resource.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for SinkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(formatter, "{}/", self.namespace)?;
        }
        formatter.write_str(&self.name)
    }
}
