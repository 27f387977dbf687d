//! The log record, with the attributes of OpenTelemetry's semantic conventions where there are any.
//!
//! As the specification of OTLP has it: 64-bit integers are text, enums are numbers, names are lowerCamelCase.

use serde_json::{Value, json};

use crate::alert::sentence::sentence;
use crate::alert::{Accessor, Alert, Owner, Process, Severity};
use crate::sink::Render;
use crate::sink::document::NO_LOGIN;
use crate::sink::fields::Fields;

/// Writes alerts as log records.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRecord {
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
}

impl Render for LogRecord {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let level = alert.severity(self.severity);
        let time = alert.time.as_nanosecond().to_string();
        let name = match alert.kind() {
            kind @ ("access" | "tampering") => format!("koney.honeytoken.{kind}"),
            kind => format!("koney.{kind}"),
        };
        let record = json!({
            "timeUnixNano": time,
            "observedTimeUnixNano": time,
            "severityNumber": number(level),
            "severityText": level.level(),
            "eventName": name,
            "body": { "stringValue": sentence(alert) },
            "attributes": attributes(alert).iter().map(|(key, value)| json!({ "key": key, "value": any(value) })).collect::<Vec<_>>(),
        });
        serde_json::to_vec(&record).expect("a JSON value can be written")
    }
}

/// WARN, ERROR, ERROR2 and FATAL.
const fn number(level: Severity) -> u32 {
    match level {
        Severity::Low => 13,
        Severity::Medium => 17,
        Severity::High => 18,
        Severity::Critical => 21,
    }
}

fn any(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Array(values) => json!({ "arrayValue": { "values": values.iter().map(any).collect::<Vec<_>>() } }),
        other => json!({ "intValue": other.to_string() }),
    }
}

fn attributes(alert: &Alert) -> Fields {
    let mut fields = Fields::default();
    fields.text("log.record.uid", alert.id.as_str());
    fields.maybe("security_rule.name", alert.policy.as_deref());
    fields.text("koney.kind", alert.kind());
    fields.text("koney.trap_type", alert.trap.koney_type());
    fields.maybe("koney.operation", alert.operation_name());
    fields.text("koney.detector", alert.detector);
    fields.list("koney.tags", alert.labels.tags.iter().map(String::as_str));
    fields.list("koney.techniques", alert.labels.techniques.iter().map(String::as_str));
    fields.maybe("file.path", alert.trap.file_path());
    fields.maybe("koney.accessed_path", alert.accessed_path.as_deref());
    if let Some(request) = alert.trap.request() {
        fields.maybe("http.request.method", request.method.as_deref());
        fields.maybe("server.address", request.host.as_deref());
        fields.maybe("url.path", request.path.as_deref());
        fields.maybe("client.address", request.client.as_deref());
    }
    place(&mut fields, alert);
    if let Some(process) = &alert.process {
        of_process(&mut fields, process);
    }
    if let Some(repeated) = alert.repeats {
        fields.number("koney.repeat_count", Some(repeated.count));
        fields.text("koney.repeats.first", format!("{:.9}", repeated.first));
        fields.text("koney.repeats.last", format!("{:.9}", repeated.last));
    }
    if let Some(gap) = alert.gap {
        fields.text("koney.coverage.cause", gap.cause.name());
        fields.number("koney.coverage.count", Some(gap.count));
    }
    fields
}

fn place(fields: &mut Fields, alert: &Alert) {
    fields.maybe("k8s.cluster.name", alert.cluster.as_deref());
    fields.maybe("k8s.cluster.uid", alert.cluster_uid.as_deref());
    match &alert.owner {
        Owner::Container(container) => {
            fields.maybe("k8s.node.name", alert.node_name());
            fields.text("k8s.namespace.name", &container.namespace);
            fields.text("k8s.pod.name", &container.pod);
            fields.text("k8s.container.name", &container.name);
            fields.text("container.id", &container.id);
            if container.is_unknown() {
                fields.text("koney.enrichment", "incomplete");
            }
        }
        Owner::Host { name, machine_id } => {
            fields.text("host.name", name);
            fields.maybe("host.id", machine_id.as_deref());
        }
    }
    match &alert.accessor {
        None => {}
        Some(Accessor::Host) => fields.text("koney.accessor.kind", "host"),
        Some(Accessor::Container { id, container }) => {
            fields.text("koney.accessor.kind", "container");
            fields.text("koney.accessor.container.id", id);
            if let Some(known) = container.as_deref() {
                fields.text("koney.accessor.k8s.namespace.name", &known.namespace);
                fields.text("koney.accessor.k8s.pod.name", &known.pod);
                fields.text("koney.accessor.k8s.container.name", &known.name);
            }
        }
    }
}

fn of_process(fields: &mut Fields, process: &Process) {
    fields.number("process.pid", process.pid);
    fields.number("process.parent_pid", process.parent_pid);
    fields.maybe("process.executable.path", process.executable.as_deref());
    let name = process.executable.as_deref().and_then(|path| path.rsplit('/').next());
    fields.maybe("process.executable.name", name);
    fields.maybe("koney.process.arguments", process.arguments.as_deref());
    fields.maybe("process.working_directory", process.cwd.as_deref());
    fields.number("process.real_user.id", process.uid);
    fields.number("koney.process.gid", process.gid);
    fields.number("koney.process.login_uid", process.login_uid.filter(|uid| *uid != NO_LOGIN));
    fields.maybe("koney.process.comm", process.comm.as_deref());
    fields.maybe("process.creation.time", process.started.map(|time| format!("{time:.9}")));
}
