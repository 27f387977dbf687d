//! What makes a sink valid: one receiver, its Secret, and values that mean something.

use std::time::Duration;

use crate::alert::Template;

use super::duration::duration;
use super::field::FieldPath;
use super::sink::{DeceptionAlertSinkSpec, Receiver, SyslogFormat};
use super::text::quoted;
use super::validate::{Issue, error};

/// Bounds of a heartbeat: more often is no more use, and less often is none.
const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(30);
const LONGEST_HEARTBEAT: Duration = Duration::from_hours(24);
const LONGEST_NAME: usize = 255;

/// Validates a sink.
#[must_use]
pub fn sink(spec: &DeceptionAlertSinkSpec) -> Vec<Issue> {
    let path = FieldPath::root("spec");
    let named: Vec<_> = spec.receivers().collect();
    let mut issues = match named.as_slice() {
        [] => vec![error(path.clone(), "names no destination", &format!("add one of {}", Receiver::SECTIONS.join(", ")))],
        [receiver] => receiver_issues(*receiver, &path),
        several => {
            let sections: Vec<_> = several.iter().map(|receiver| receiver.section()).collect();
            let reason = format!("names several destinations: {}", sections.join(", "));
            vec![error(path.clone(), reason, "make a resource for each")]
        }
    };
    if let Some(text) = &spec.heartbeat {
        issues.extend(heartbeat(text, &path.key("heartbeat")));
    }
    if let Some(name) = &spec.cluster_name {
        issues.extend(plain_name(name, &path.key("clusterName")));
    }
    issues
}

fn receiver_issues(receiver: Receiver<'_>, path: &FieldPath) -> Vec<Issue> {
    let path = path.key(receiver.section());
    let mut issues = Vec::new();
    if receiver.secret_name().is_empty() {
        let remedy = match receiver {
            Receiver::Dynatrace(_) => "name the Secret that has apiToken and apiUrl".to_owned(),
            other => format!("name the Secret that has {}", other.keys()),
        };
        issues.push(error(path.key("secretName"), "is required", &remedy));
    }
    match receiver {
        Receiver::Slack(spec) => issues.extend(template(spec.text.as_deref(), &path)),
        Receiver::Alertmanager(spec) => issues.extend(template(spec.text.as_deref(), &path)),
        Receiver::Syslog(spec) => {
            issues.extend(template(spec.text.as_deref(), &path));
            if spec.text.is_some() && spec.format != SyslogFormat::Message {
                let remedy = format!("set format: {}, or remove it", SyslogFormat::Message.as_str());
                issues.push(error(path.key("text"), "is for messages that people read", &remedy));
            }
        }
        Receiver::Splunk(spec) => {
            let names = [("index", &spec.index), ("sourcetype", &spec.sourcetype)];
            issues.extend(names.iter().filter_map(|(key, name)| plain_name(name.as_deref()?, &path.key(key))));
        }
        Receiver::Elasticsearch(spec) => {
            let index = spec.index.as_deref().filter(|index| !is_index(index));
            let remedy = "use lower-case letters, digits, - _ and ., beginning with a letter or digit";
            issues.extend(
                index.map(|index| error(path.key("index"), format!("cannot be an index, got {}", quoted(index)), remedy)),
            );
        }
        Receiver::Dynatrace(_) | Receiver::Webhook(_) | Receiver::Otlp(_) => {}
    }
    issues
}

fn template(text: Option<&str>, path: &FieldPath) -> Option<Issue> {
    let problem = Template::parse(text?).err()?;
    let remedy = format!("the places are {}; write {{{{ for a brace", Template::places());
    Some(error(path.key("text"), problem, &remedy))
}

fn heartbeat(text: &str, path: &FieldPath) -> Option<Issue> {
    let remedy = "write it as 5m or 1h, from 30s to 24h";
    match duration(text) {
        Some(every) if (SHORTEST_HEARTBEAT..=LONGEST_HEARTBEAT).contains(&every) => None,
        Some(_) => Some(error(path.clone(), format!("is out of bounds, got {}", quoted(text)), remedy)),
        None => Some(error(path.clone(), format!("is no duration, got {}", quoted(text)), remedy)),
    }
}

fn plain_name(name: &str, path: &FieldPath) -> Option<Issue> {
    let plain = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control);
    let reason = || format!("must have 1 to {LONGEST_NAME} bytes and no control characters, got {}", quoted(name));
    (!plain).then(|| error(path.clone(), reason(), "choose another, or remove it"))
}

/// As Elasticsearch has it ("Create index", path parameters).
fn is_index(index: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    index.len() <= LONGEST_NAME
        && index.bytes().next().is_some_and(inside)
        && index.bytes().all(|byte| inside(byte) || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn issues(spec: Value) -> Vec<String> {
        let spec: DeceptionAlertSinkSpec = serde_json::from_value(spec).expect("admitted by the schema");
        sink(&spec).iter().map(|issue| format!("{}: {}; {}", issue.field, issue.reason, issue.remedy)).collect()
    }

    #[test]
    fn one_receiver_with_its_secret_is_valid() {
        for section in Receiver::SECTIONS {
            assert_eq!(issues(json!({ section: { "secretName": "s" } })), [""; 0], "{section}");
            let [issue] = issues(json!({ section: { "secretName": "" } })).try_into().expect("one issue");
            assert!(issue.starts_with(&format!("spec.{section}.secretName: is required; name the Secret that has ")), "{issue}");
        }
        assert_eq!(
            issues(json!({})),
            [
                "spec: names no destination; add one of dynatrace, webhook, otlp, slack, splunk, elasticsearch, alertmanager, syslog"
            ]
        );
        assert_eq!(
            issues(json!({ "slack": { "secretName": "s" }, "otlp": { "secretName": "s" } })),
            ["spec: names several destinations: otlp, slack; make a resource for each"]
        );
    }

    #[test]
    fn a_resource_of_koney_means_what_it_meant() {
        let spec = json!({ "dynatrace": { "secretName": "dynatrace-api-token", "severity": "HIGH" } });
        assert_eq!(issues(spec.clone()), [""; 0]);
        let spec: DeceptionAlertSinkSpec = serde_json::from_value(spec).expect("admitted");
        assert_eq!(spec.secret(), ("dynatrace", "dynatrace-api-token"));
        assert_eq!((spec.filter, spec.redact, spec.heartbeat), (None, None, None));
    }

    #[test]
    fn values_that_mean_nothing_are_named() {
        let slack = |text: &str| json!({ "slack": { "secretName": "s", "text": text } });
        assert_eq!(issues(slack("{severity}: {sentence}")), [""; 0]);
        assert!(
            issues(slack("{pid}"))[0].starts_with("spec.slack.text: has a place that is not known; the places are {sentence} ")
        );
        for section in ["alertmanager", "syslog"] {
            let found = issues(json!({ section: { "secretName": "s", "text": "{pid}" } }));
            assert!(found[0].starts_with(&format!("spec.{section}.text: has a place that is not known")), "{found:?}");
        }
        let syslog = |format: &str| json!({ "syslog": { "secretName": "s", "text": "{sentence}", "format": format } });
        assert_eq!(issues(syslog("message")), [""; 0]);
        assert_eq!(
            issues(syslog("cef")),
            ["spec.syslog.text: is for messages that people read; set format: message, or remove it"]
        );
        let elastic = |index: &str| json!({ "elasticsearch": { "secretName": "s", "index": index } });
        assert_eq!(issues(elastic("logs-koney.alert-prod")), [""; 0]);
        for index in ["", "Upper", "-a", "a b", "a/b", "a*", "_bulk"] {
            assert!(issues(elastic(index))[0].starts_with("spec.elasticsearch.index: cannot be an index"), "{index}");
        }
        let with = |key: &str, value: &str| json!({ "otlp": { "secretName": "s" }, key: value });
        for good in ["30s", "5m", "24h"] {
            assert_eq!(issues(with("heartbeat", good)), [""; 0]);
        }
        assert!(issues(with("heartbeat", "29s"))[0].starts_with("spec.heartbeat: is out of bounds, got \"29s\""));
        assert!(issues(with("heartbeat", "often"))[0].starts_with("spec.heartbeat: is no duration"));
        assert!(issues(with("clusterName", "a\nb"))[0].starts_with("spec.clusterName: must have"));
    }
}
