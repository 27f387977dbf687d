//! The alert of Prometheus. Its labels are its identity: they name the trap and its place, never the process, so that a second access
//! to the same trap is news of the same alert.

use serde_json::{Map, Value, json};

use crate::alert::sentence::sentence;
use crate::alert::{Alert, Severity, Template};
use crate::sink::Render;
use crate::sink::clean::{clean, cut};

/// Characters of one label or annotation.
const LONGEST: usize = 1024;

/// Writes alerts for Alertmanager.
#[derive(Clone, Debug, Default)]
pub struct PrometheusAlert {
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
    /// The annotation `summary`; the sentence alone where there is none.
    pub summary: Option<Template>,
}

impl Render for PrometheusAlert {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let body = json!({
            "labels": labels(alert, self.severity),
            "annotations": annotations(alert, &self.summary(alert)),
            "startsAt": format!("{:.3}", alert.time),
        });
        serde_json::to_vec(&body).expect("a JSON value can be written")
    }
}

impl PrometheusAlert {
    fn summary(&self, alert: &Alert) -> String {
        let Some(summary) = &self.summary else { return sentence(alert) };
        summary.fill(alert, self.severity, str::to_owned)
    }
}

fn labels(alert: &Alert, severity: Severity) -> Map<String, Value> {
    let name = match alert.kind() {
        "access" => "KoneyHoneytokenAccessed",
        "tampering" => "KoneyHoneytokenTamperedWith",
        "coverage" => "KoneyCoverageGap",
        "heartbeat" => "KoneyHeartbeat",
        _ => "KoneyTest",
    };
    let container = alert.container();
    let severity = alert.severity(severity).level().to_ascii_lowercase();
    texts([
        ("alertname", Some(name)),
        ("severity", Some(severity.as_str())),
        ("policy", alert.policy.as_deref()),
        ("trap_type", Some(alert.trap.koney_type())),
        ("trap", alert.trap.target()),
        ("cluster", alert.cluster.as_deref()),
        ("node", alert.node_name()),
        ("namespace", container.map(|container| container.namespace.as_str())),
        ("pod", container.map(|container| container.pod.as_str())),
        ("container", container.map(|container| container.name.as_str())),
        ("cause", alert.gap.map(|gap| gap.cause.name())),
    ])
}

fn annotations(alert: &Alert, summary: &str) -> Map<String, Value> {
    let process = alert.process.as_ref();
    let [pid, uid] = [process.and_then(|process| process.pid), process.and_then(|process| process.uid)];
    let [pid, uid] = [pid, uid].map(|number| number.map(|number| number.to_string()));
    let count = alert.repeats.map(|repeated| repeated.count.to_string());
    let (tags, techniques) = (alert.labels.tags.join(", "), alert.labels.techniques.join(", "));
    let time = format!("{:.9}", alert.time);
    texts([
        ("summary", Some(summary)),
        ("event_id", Some(alert.id.as_str())),
        ("time", Some(time.as_str())),
        ("operation", alert.operation_name()),
        ("accessed_path", alert.accessed_path.as_deref()),
        ("executable", process.and_then(|process| process.executable.as_deref())),
        ("arguments", process.and_then(|process| process.arguments.as_deref())),
        ("cwd", process.and_then(|process| process.cwd.as_deref())),
        ("pid", pid.as_deref()),
        ("uid", uid.as_deref()),
        ("client", alert.trap.request().and_then(|request| request.client.as_deref())),
        ("repeats", count.as_deref()),
        ("tags", Some(tags.as_str())),
        ("techniques", Some(techniques.as_str())),
        ("detector", Some(alert.detector)),
    ])
}

/// An empty label is one that is not there.
fn texts<const N: usize>(texts: [(&str, Option<&str>); N]) -> Map<String, Value> {
    let told = texts.into_iter().filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)));
    told.map(|(name, text)| (name.to_owned(), cut(&clean(text), LONGEST).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;

    #[test]
    fn a_summary_is_as_the_operator_writes_it() {
        let summary = |text: &str, alert: &Alert| {
            let summary = Some(Template::parse(text).expect("a template"));
            let body = PrometheusAlert { severity: Severity::High, summary }.render(alert);
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            body["annotations"]["summary"].as_str().expect("text").to_owned()
        };
        assert_eq!(
            summary("{policy} on {node}", &samples::on_host()),
            format!("{} on web-1", samples::on_host().policy.unwrap_or_default())
        );
        let hostile = summary("{arguments} {executable}", &samples::hostile());
        assert!(!hostile.contains(char::is_control) && hostile.chars().count() <= LONGEST, "{hostile:?}");
    }

    #[test]
    fn what_an_attacker_varies_makes_no_other_alert() {
        let mut other = samples::numbered(7);
        other.process = samples::hostile().process;
        assert_eq!(labels(&samples::in_pod(), Severity::High), labels(&other, Severity::High));
        let annotations = |alert| annotations(alert, &sentence(alert));
        assert_ne!(annotations(&samples::in_pod()), annotations(&other));
        let valid = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(labels(&samples::coverage(), Severity::High).keys().all(|name| valid(name)));
    }
}
