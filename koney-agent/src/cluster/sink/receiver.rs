//! The one receiver that a sink names, and what all receivers have.

use super::receivers::{
    AlertmanagerSpec, DynatraceSpec, ElasticsearchSpec, OtlpSpec, SlackSpec, SplunkSpec, SyslogSpec, WebhookSpec,
};
use super::{DeceptionAlertSinkSpec, Severity};

/// A section of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver<'a> {
    /// `spec.dynatrace`.
    Dynatrace(&'a DynatraceSpec),
    /// `spec.webhook`.
    Webhook(&'a WebhookSpec),
    /// `spec.otlp`.
    Otlp(&'a OtlpSpec),
    /// `spec.slack`.
    Slack(&'a SlackSpec),
    /// `spec.splunk`.
    Splunk(&'a SplunkSpec),
    /// `spec.elasticsearch`.
    Elasticsearch(&'a ElasticsearchSpec),
    /// `spec.alertmanager`.
    Alertmanager(&'a AlertmanagerSpec),
    /// `spec.syslog`.
    Syslog(&'a SyslogSpec),
}

impl DeceptionAlertSinkSpec {
    /// The receivers that are named; one, where it is valid.
    pub fn receivers(&self) -> impl Iterator<Item = Receiver<'_>> {
        [
            self.dynatrace.as_ref().map(Receiver::Dynatrace),
            self.webhook.as_ref().map(Receiver::Webhook),
            self.otlp.as_ref().map(Receiver::Otlp),
            self.slack.as_ref().map(Receiver::Slack),
            self.splunk.as_ref().map(Receiver::Splunk),
            self.elasticsearch.as_ref().map(Receiver::Elasticsearch),
            self.alertmanager.as_ref().map(Receiver::Alertmanager),
            self.syslog.as_ref().map(Receiver::Syslog),
        ]
        .into_iter()
        .flatten()
    }

    /// The receiver, where exactly one is named.
    #[must_use]
    pub fn receiver(&self) -> Option<Receiver<'_>> {
        let mut named = self.receivers();
        named.next().filter(|_| named.next().is_none())
    }

    /// The Secret and the section that names it; empty where there is none.
    #[must_use]
    pub fn secret(&self) -> (&'static str, &str) {
        self.receiver().map_or(("dynatrace", ""), |receiver| (receiver.section(), receiver.secret_name()))
    }
}

impl<'a> Receiver<'a> {
    /// Names of the sections.
    pub const SECTIONS: [&'static str; 8] =
        ["dynatrace", "webhook", "otlp", "slack", "splunk", "elasticsearch", "alertmanager", "syslog"];

    /// Name of the section.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Dynatrace(_) => "dynatrace",
            Self::Webhook(_) => "webhook",
            Self::Otlp(_) => "otlp",
            Self::Slack(_) => "slack",
            Self::Splunk(_) => "splunk",
            Self::Elasticsearch(_) => "elasticsearch",
            Self::Alertmanager(_) => "alertmanager",
            Self::Syslog(_) => "syslog",
        }
    }

    /// What has to be in the Secret, for people.
    #[must_use]
    pub const fn keys(self) -> &'static str {
        match self {
            Self::Dynatrace(_) => "`apiUrl` and `apiToken`",
            Self::Splunk(_) => "`url` and `token`",
            Self::Syslog(_) => "`address`",
            Self::Elasticsearch(_) => "`url` and a credential such as `apiKey`",
            Self::Webhook(_) | Self::Otlp(_) | Self::Slack(_) | Self::Alertmanager(_) => "`url`",
        }
    }

    /// Name of the Secret.
    #[must_use]
    pub fn secret_name(self) -> &'a str {
        match self {
            Self::Dynatrace(spec) => &spec.secret_name,
            Self::Webhook(spec) => &spec.secret_name,
            Self::Otlp(spec) => &spec.secret_name,
            Self::Slack(spec) => &spec.secret_name,
            Self::Splunk(spec) => &spec.secret_name,
            Self::Elasticsearch(spec) => &spec.secret_name,
            Self::Alertmanager(spec) => &spec.secret_name,
            Self::Syslog(spec) => &spec.secret_name,
        }
    }

    /// Severity of alerts whose policy names none.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Dynatrace(spec) => spec.severity,
            Self::Webhook(spec) => spec.severity,
            Self::Otlp(spec) => spec.severity,
            Self::Slack(spec) => spec.severity,
            Self::Splunk(spec) => spec.severity,
            Self::Elasticsearch(spec) => spec.severity,
            Self::Alertmanager(spec) => spec.severity,
            Self::Syslog(spec) => spec.severity,
        }
    }

    /// Whether what is sent is encrypted, whatever the Secret says.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        match self {
            Self::Dynatrace(spec) => !spec.allow_http,
            Self::Webhook(spec) => !spec.allow_http,
            Self::Otlp(spec) => !spec.allow_http,
            Self::Slack(spec) => !spec.allow_http,
            Self::Splunk(spec) => !spec.allow_http,
            Self::Elasticsearch(spec) => !spec.allow_http,
            Self::Alertmanager(spec) => !spec.allow_http,
            Self::Syslog(spec) => !spec.allow_plain,
        }
    }
}
