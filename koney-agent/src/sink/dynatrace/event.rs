//! The security event: one flat JSON object per alert.
//!
//! The specified keys come first and in the specified order, koney's own follow. Absent values are left out, never null. Of the
//! values only risk score, pid and uid are numbers.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::alert::sentence::sentence;
use crate::alert::{Accessor, Alert, Owner, Process, Purpose, Severity};
use crate::sink::Render;

/// Bytes of one value. Dynatrace publishes no limit for security events; its sibling APIs take this much.
const LONGEST_VALUE: usize = 4096;
/// Bytes of a usual event: room for it is made at once.
const USUAL: usize = 3072;
/// What the kernel stores as login user of a process that nobody logged in for.
const NO_LOGIN: u32 = u32::MAX;

/// Writes alerts as findings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finding {
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
}

/// The keys and values in the order in which they are sent.
#[derive(Debug)]
struct Event<'a> {
    fields: Vec<(&'static str, Value<'a>)>,
}

#[derive(Debug)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(u32),
    Decimal(f64),
    List(Vec<&'a str>),
}

impl Render for Finding {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let sentence = sentence(alert);
        let mut body = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut body, &Event::new(alert, &sentence, self.severity))
            .expect("an event is text and numbers under text keys");
        body
    }
}

impl<'a> Event<'a> {
    fn new(alert: &'a Alert, sentence: &'a str, severity: Severity) -> Self {
        let mut event = Self { fields: Vec::with_capacity(64) };
        event.text("timestamp", alert.time_in_seconds());
        event.trap(alert);
        event.finding(alert, sentence, severity);
        event.place(alert);
        if let Some(process) = &alert.process {
            event.process(process);
        }
        event.object(alert);
        event.extras(alert);
        event
    }

    fn trap(&mut self, alert: &'a Alert) {
        self.maybe("koney.deception_policy_name", alert.policy.as_deref());
        self.text("koney.trap_type", alert.trap.koney_type());
        if let Some(file_path) = alert.trap.file_path() {
            self.text("koney.metadata.file_path", file_path);
            if alert.operation.is_beyond_access() {
                self.text("koney.metadata.operation", alert.operation.name());
            }
        }
        if let Some(request) = alert.trap.request() {
            self.maybe("koney.metadata.request_method", request.method.as_deref());
            self.maybe("koney.metadata.request_host", request.host.as_deref());
            self.maybe("koney.metadata.request_path", request.path.as_deref());
            self.maybe("koney.metadata.client_address", request.client.as_deref());
        }
    }

    fn finding(&mut self, alert: &'a Alert, sentence: &'a str, severity: Severity) {
        let severity = alert.severity(severity);
        let finding_type = match alert.purpose {
            Purpose::Alert if alert.gap.is_some() => "KONEY_COVERAGE",
            Purpose::Alert => "KONEY_ALERT",
            Purpose::Heartbeat => "KONEY_HEARTBEAT",
            Purpose::Test => "KONEY_TEST",
        };
        self.text("event.kind", "SECURITY_EVENT");
        self.text("event.type", "DETECTION_FINDING");
        self.text("event.name", "Detection finding event");
        self.text("event.provider", "Koney");
        self.text("event.version", "2025-07-18");
        self.text("event.id", alert.id.as_str());
        self.text("event.description", sentence);
        self.text("finding.type", finding_type);
        self.text("finding.id", alert.id.as_str());
        self.text("finding.title", sentence);
        self.text("finding.description", sentence);
        self.text("finding.time.created", alert.time_in_seconds());
        self.text("finding.severity", severity.level());
        self.text("dt.security.risk.level", severity.level());
        self.fields.push(("dt.security.risk.score", Value::Decimal(severity.score())));
        self.text("product.name", "Koney");
        self.text("product.vendor", "Dynatrace Research");
    }

    fn place(&mut self, alert: &'a Alert) {
        let container = alert.container();
        self.maybe("k8s.namespace.name", container.map(|container| container.namespace.as_str()));
        self.maybe("k8s.node.name", alert.node_name());
        self.maybe("k8s.pod.name", container.map(|container| container.pod.as_str()));
        self.maybe("k8s.container.name", container.map(|container| container.name.as_str()));
        self.maybe("k8s.container.id", container.map(|container| container.id.as_str()));
        let workload = container.and_then(|container| container.workload.as_ref());
        self.maybe("k8s.workload.kind", workload.map(|(kind, _)| kind.to_lowercase()));
        self.maybe("k8s.workload.name", workload.map(|(_, name)| name.as_str()));
    }

    fn process(&mut self, process: &'a Process) {
        if let Some((directory, name)) = process.executable.as_deref().and_then(split_path) {
            self.text("process.executable.name", name);
            self.text("process.executable.path", directory);
        }
        self.maybe("process.executable.arguments", process.arguments.as_deref());
        self.fields.extend(process.pid.map(|pid| ("process.pid", Value::Integer(pid))));
        if let Some(uid) = process.uid {
            self.fields.push(("process.uid", Value::Integer(uid)));
        }
        self.maybe("process.cwd", process.cwd.as_deref());
    }

    fn object(&mut self, alert: &'a Alert) {
        match &alert.owner {
            Owner::Container(container) => {
                self.text("object.type", "KUBERNETES_CONTAINER_ID");
                self.text("object.id", container.id.as_str());
                // A finding without a name is hidden.
                self.text("object.name", if container.is_unknown() { container.id.as_str() } else { &container.name });
            }
            Owner::Host { machine_id, .. } => {
                self.text("object.type", "HOST");
                self.maybe("object.id", machine_id.as_deref());
                self.maybe("object.name", alert.node_name());
            }
        }
    }

    fn extras(&mut self, alert: &'a Alert) {
        self.text("event.start", format!("{:.9}", alert.repeats.map_or(alert.time, |repeated| repeated.first)));
        if let Some(repeated) = alert.repeats {
            self.text("event.end", format!("{:.9}", repeated.last));
            self.text("koney.repeat_count", repeated.count.to_string());
        }
        self.maybe("koney.accessed_path", alert.accessed_path.as_deref());
        match &alert.accessor {
            Some(Accessor::Host) => self.text("koney.accessor.kind", "host"),
            Some(Accessor::Container { id, container }) => {
                self.text("koney.accessor.kind", "container");
                self.text("koney.accessor.k8s.container.id", id.as_str());
                let known = container.as_deref();
                self.maybe("koney.accessor.k8s.namespace.name", known.map(|known| known.namespace.as_str()));
                self.maybe("koney.accessor.k8s.pod.name", known.map(|known| known.pod.as_str()));
                self.maybe("koney.accessor.k8s.container.name", known.map(|known| known.name.as_str()));
            }
            None => {}
        }
        self.maybe("koney.enrichment", alert.container().filter(|owner| owner.is_unknown()).map(|_| "incomplete"));
        if let Some(gap) = alert.gap {
            self.text("koney.coverage.cause", gap.cause.name());
            self.text("koney.coverage.count", gap.count.to_string());
        }
        self.maybe("koney.operation", alert.operation_name());
        self.text("koney.detector", alert.detector);
        if let Some(process) = &alert.process {
            self.process_extras(process);
        }
        self.maybe("rule.id", alert.policy.as_deref());
        self.maybe("rule.name", alert.policy.as_deref());
        self.maybe("k8s.cluster.name", alert.cluster.as_deref());
        self.maybe("k8s.cluster.uid", alert.cluster_uid.as_deref());
        self.list("koney.tags", &mut alert.labels.tags.iter().map(String::as_str));
        self.list("threat.attack.technique.ids", &mut alert.labels.main_techniques());
        self.list("threat.attack.subtechnique.ids", &mut alert.labels.sub_techniques());
    }

    fn process_extras(&mut self, process: &'a Process) {
        self.maybe("koney.process.executable", process.executable.as_deref());
        self.maybe("koney.process.tid", process.tid.map(|tid| tid.to_string()));
        self.maybe("koney.process.gid", process.gid.map(|gid| gid.to_string()));
        self.maybe("koney.process.login_uid", process.login_uid.filter(|uid| *uid != NO_LOGIN).map(|uid| uid.to_string()));
        self.maybe("koney.process.capabilities", process.capabilities.map(|bits| format!("{bits:016x}")));
        self.maybe("koney.process.comm", process.comm.as_deref());
        self.maybe("koney.process.start_time", process.started.map(|time| format!("{time:.9}")));
        self.maybe("koney.process.arguments_truncated", process.arguments_truncated.then_some("true"));
        self.maybe("koney.process.parent.pid", process.parent_pid.map(|pid| pid.to_string()));
        self.maybe("koney.process.parent.comm", process.parent_comm.as_deref());
    }

    fn maybe(&mut self, key: &'static str, value: Option<impl Into<Cow<'a, str>>>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn list(&mut self, key: &'static str, values: &mut dyn Iterator<Item = &'a str>) {
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            self.fields.push((key, Value::List(values)));
        }
    }

    fn text(&mut self, key: &'static str, value: impl Into<Cow<'a, str>>) {
        let value = match value.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(..text.floor_char_boundary(LONGEST_VALUE)).unwrap_or_default()),
            Cow::Owned(mut text) => {
                text.truncate(text.floor_char_boundary(LONGEST_VALUE));
                Cow::Owned(text)
            }
        };
        if !value.is_empty() {
            self.fields.push((key, Value::Text(value)));
        }
    }
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (key, value) in &self.fields {
            match value {
                Value::Text(text) => map.serialize_entry(key, text)?,
                Value::Integer(number) => map.serialize_entry(key, number)?,
                Value::Decimal(number) => map.serialize_entry(key, number)?,
                Value::List(texts) => map.serialize_entry(key, texts)?,
            }
        }
        map.end()
    }
}

/// Directory and file name, as Koney splits them: `/cat` lies in `/`, `cat` in `.`.
fn split_path(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/') {
        Some(("", name)) => Some(("/", name)),
        Some(split) => Some(split),
        None if path.is_empty() => None,
        None => Some((".", path)),
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
