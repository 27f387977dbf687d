//! From the sinks of a snapshot to those of the sink room: what a resource and its Secret say, in that room's words.

use std::sync::Arc;

use crate::{
    alert::{self, Template},
    cluster::{
        Receiver, SecretState, Sink, duration,
        sink::{AlertFilter, SyslogFacility, SyslogFormat, WebhookFormat},
    },
    sink::{
        ConfigError, Filter, Prepared, Render, SinkConfig, SinkId, Target, alertmanager,
        credentials::Values,
        dynatrace, elasticsearch,
        http::Options,
        otlp, slack, splunk, stdout,
        syslog::{self, Facility},
        webhook,
    },
};

use super::labels::severity;

/// Everything that the sink room needs to know of a sink. Filter, format and heartbeat are the resource's: they are there while the
/// Secret is not.
pub(super) fn sink(sink: &Sink) -> SinkConfig {
    let id = SinkId::new(&sink.namespace, &sink.name);
    let spec = &sink.spec;
    let render = Arc::new(Prepared {
        render: spec.receiver().map_or_else(|| Arc::new(stdout::Line) as Arc<dyn Render>, render),
        redact_arguments: spec.redact.as_ref().is_some_and(|redact| redact.process_arguments),
        cluster: spec.cluster_name.clone(),
    });
    let of_sink = spec.receiver().map(|receiver| severity(receiver.severity())).unwrap_or_default();
    SinkConfig {
        form: spec.receiver().map_or("none", Receiver::section),
        filter: filter(spec.filter.as_ref(), of_sink),
        render,
        heartbeat: spec.heartbeat.as_deref().and_then(duration),
        target: target(&id, sink),
        id,
    }
}

fn filter(spec: Option<&AlertFilter>, of_sink: alert::Severity) -> Filter {
    let Some(spec) = spec else { return Filter { severity: of_sink, ..Filter::default() } };
    let named: Vec<_> = spec.severities.iter().copied().map(severity).collect();
    let least = spec.min_severity.map_or(alert::Severity::Low, severity);
    let severities = [alert::Severity::Low, alert::Severity::Medium, alert::Severity::High, alert::Severity::Critical];
    let taken = severities.into_iter().filter(|level| *level >= least && (named.is_empty() || named.contains(level)));
    Filter {
        policies: spec.policies.iter().cloned().collect(),
        severities: Some(taken.collect()),
        coverage: spec.coverage,
        severity: of_sink,
    }
}

fn render(receiver: Receiver<'_>) -> Arc<dyn Render> {
    let severity = severity(receiver.severity());
    match receiver {
        Receiver::Dynatrace(_) => Arc::new(dynatrace::Finding { severity }),
        Receiver::Webhook(spec) => Arc::new(webhook::Webhook { format: format(spec.format), severity }),
        Receiver::Otlp(_) => Arc::new(otlp::LogRecord { severity }),
        Receiver::Slack(spec) => Arc::new(slack::Message { severity, text: template(spec.text.as_deref()).unwrap_or_default() }),
        Receiver::Splunk(spec) => {
            Arc::new(splunk::HecEvent { severity, index: spec.index.clone(), sourcetype: spec.sourcetype.clone() })
        }
        Receiver::Elasticsearch(spec) => {
            let default = elasticsearch::Document::default();
            Arc::new(elasticsearch::Document { severity, index: spec.index.clone().unwrap_or(default.index) })
        }
        Receiver::Alertmanager(spec) => {
            Arc::new(alertmanager::PrometheusAlert { severity, summary: template(spec.text.as_deref()) })
        }
        Receiver::Syslog(spec) => {
            let format = match spec.format {
                SyslogFormat::Cef => syslog::Format::Cef,
                SyslogFormat::Message => syslog::Format::Message,
            };
            let text = template(spec.text.as_deref());
            Arc::new(syslog::Message { severity, format, facility: facility(spec.facility), text })
        }
    }
}

/// One that cannot be read has kept the resource from being valid.
fn template(text: Option<&str>) -> Option<Template> {
    Template::parse(text?).ok()
}

fn target(id: &SinkId, sink: &Sink) -> Result<Target, ConfigError> {
    let Some(receiver) = sink.spec.receiver() else { return Err(ConfigError::NoReceiver { sink: id.clone() }) };
    let secret = match &sink.secret {
        SecretState::Found(secret) => secret,
        SecretState::Missing(name) => {
            return Err(ConfigError::SecretMissing { sink: id.clone(), secret: name.clone(), keys: receiver.keys() });
        }
    };
    let value = |key: &str| secret.get(key).map(secrecy::ExposeSecret::expose_secret);
    let values = &Values { sink: id, secret: &secret.name, value: &value };
    let options = |allow_http, allow_local| Options { allow_http, allow_local };
    match receiver {
        Receiver::Dynatrace(spec) => {
            dynatrace::Config::new(values, options(spec.allow_http, spec.allow_local)).map(Target::Dynatrace)
        }
        Receiver::Webhook(spec) => webhook::Config::new(values, options(spec.allow_http, spec.allow_local)).map(Target::Webhook),
        Receiver::Otlp(spec) => otlp::Config::new(values, options(spec.allow_http, spec.allow_local)).map(Target::Otlp),
        Receiver::Slack(spec) => slack::Config::new(values, options(spec.allow_http, spec.allow_local)).map(Target::Slack),
        Receiver::Splunk(spec) => splunk::Config::new(values, options(spec.allow_http, spec.allow_local)).map(Target::Splunk),
        Receiver::Elasticsearch(spec) => {
            elasticsearch::Config::new(values, options(spec.allow_http, spec.allow_local)).map(Target::Elasticsearch)
        }
        Receiver::Alertmanager(spec) => {
            alertmanager::Config::new(values, options(spec.allow_http, spec.allow_local)).map(Target::Alertmanager)
        }
        Receiver::Syslog(spec) => {
            let options = syslog::Options { allow_plain: spec.allow_plain, allow_local: spec.allow_local };
            syslog::Config::new(values, options).map(Target::Syslog)
        }
    }
}

const fn format(format: WebhookFormat) -> webhook::Format {
    match format {
        WebhookFormat::CloudEvents => webhook::Format::CloudEvents,
        WebhookFormat::Koney => webhook::Format::Koney,
        WebhookFormat::Ocsf => webhook::Format::Ocsf,
    }
}

const fn facility(facility: SyslogFacility) -> Facility {
    match facility {
        SyslogFacility::Auth => Facility::Auth,
        SyslogFacility::Authpriv => Facility::Authpriv,
        SyslogFacility::Audit => Facility::Audit,
        SyslogFacility::Local0 => Facility::Local(0),
        SyslogFacility::Local1 => Facility::Local(1),
        SyslogFacility::Local2 => Facility::Local(2),
        SyslogFacility::Local3 => Facility::Local(3),
        SyslogFacility::Local4 => Facility::Local(4),
        SyslogFacility::Local5 => Facility::Local(5),
        SyslogFacility::Local6 => Facility::Local(6),
        SyslogFacility::Local7 => Facility::Local(7),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::{alert::samples, cluster::Secret};

    fn configured(spec: Value, secret: &[(&str, &str)]) -> SinkConfig {
        let values: BTreeMap<_, _> =
            secret.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec().into())).collect();
        let secret = if values.is_empty() {
            SecretState::Missing("s".to_owned())
        } else {
            SecretState::Found(Arc::new(Secret::new("koney-system", "s", values)))
        };
        let spec = serde_json::from_value(spec).expect("admitted by the schema");
        sink(&Sink { namespace: "koney-system".to_owned(), name: "prod".to_owned(), spec, secret })
    }

    #[test]
    fn every_section_is_a_sink_with_its_secret_and_renders_without() {
        let secret = [
            ("apiUrl", "https://abc.live.dynatrace.com"),
            ("apiToken", "dt0c01.PUBLIC.SECRET"),
            ("url", "https://receiver.example"),
            ("token", "SECRET"),
            ("address", "receiver.example"),
        ];
        for section in Receiver::SECTIONS {
            let spec = json!({ section: { "secretName": "s" } });
            let config = configured(spec.clone(), &secret);
            assert!(config.target.is_ok(), "{section}: {config:?}");
            assert!(!format!("{config:?}").contains("SECRET"), "{config:?}");
            let waiting = configured(spec, &[]);
            let error = waiting.target.expect_err("no Secret").to_string();
            assert!(error.contains("Secret `s` was not found; create it"), "{error}");
            assert_eq!(waiting.render.render(&samples::in_pod()), config.render.render(&samples::in_pod()), "{section}");
        }
    }

    #[test]
    fn filter_redaction_and_heartbeat_are_the_resources() {
        let spec = json!({
            "splunk": { "secretName": "s", "severity": "MEDIUM", "index": "security" },
            "filter": { "policies": ["p"], "minSeverity": "HIGH", "severities": ["CRITICAL", "LOW"], "coverage": false },
            "redact": { "processArguments": true }, "heartbeat": "1h", "clusterName": "prod-eu",
        });
        let config = configured(spec, &[]);
        let expected = Filter {
            policies: ["p".to_owned()].into(),
            severities: Some([alert::Severity::Critical].into()),
            coverage: false,
            severity: alert::Severity::Medium,
        };
        assert_eq!(config.filter, expected);
        assert_eq!(config.heartbeat, Some(std::time::Duration::from_hours(1)));
        let event: Value = serde_json::from_slice(&config.render.render(&samples::in_pod())).expect("JSON");
        assert_eq!(
            (&event["index"], &event["event"]["severity"], &event["event"]["cluster"]),
            (&json!("security"), &json!("MEDIUM"), &json!("prod-eu"))
        );
        assert_eq!(event["event"]["process"]["arguments"], "[REDACTED]");
    }
}
