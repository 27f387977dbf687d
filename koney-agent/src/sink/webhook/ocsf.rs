//! An alert as a Detection Finding (class 2004) of OCSF 1.5.0.
//!
//! Names and codes are those of `events/findings/detection_finding.json` and `objects/*.json` of github.com/ocsf/ocsf-schema, tag v1.5.0.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::alert::sentence::sentence;
use crate::alert::{Alert, Container, Owner, Process, Severity};
use crate::sink::fields::Fields;

const VERSION: &str = "1.5.0";

pub(super) fn finding(alert: &Alert, severity: Severity) -> Value {
    let level = alert.severity(severity);
    let mut fields = Fields::default();
    for (key, code) in [("activity_id", 1_u32), ("category_uid", 2), ("class_uid", 2004), ("type_uid", 200_401), ("status_id", 1)]
    {
        fields.number(key, Some(code));
    }
    fields.text("activity_name", "Create");
    fields.text("category_name", "Findings");
    fields.text("class_name", "Detection Finding");
    fields.text("type_name", "Detection Finding: Create");
    fields.text("status", "New");
    fields.value("is_alert", Value::Bool(alert.kind() != "heartbeat"));
    fields.value("time", milliseconds(alert.time));
    fields.text("message", sentence(alert));
    severity_of(&mut fields, level);
    metadata(&mut fields, alert);
    information(&mut fields, alert);
    let evidence = evidence(alert);
    // By the schema a container alone is no evidence.
    if evidence.as_object().is_some_and(|evidence| evidence.keys().any(|key| key != "container")) {
        fields.value("evidences", json!([evidence]));
    } else if let Some(container) = evidence.get("container") {
        fields.value("unmapped.container", container.clone());
    }
    if let Some(container) = alert.container().filter(|container| !container.is_unknown()) {
        let pod = json!({ "type": "Pod", "name": container.pod, "namespace": container.namespace });
        fields.value("resources", json!([pod]));
    }
    if let Some(node) = alert.node_name() {
        fields.text("device.hostname", node);
        // Server.
        fields.number("device.type_id", Some(1_u32));
        if let Owner::Host { machine_id, .. } = &alert.owner {
            fields.maybe("device.uid", machine_id.as_deref());
        }
    }
    fields.maybe("unmapped.cluster", alert.cluster.as_deref());
    fields.maybe("unmapped.operation", alert.operation_name());
    fields.text("unmapped.detector", alert.detector);
    fields.nested()
}

fn severity_of(fields: &mut Fields, level: Severity) {
    let (name, code, risk) = match level {
        Severity::Low => ("Low", 2_u32, 1_u32),
        Severity::Medium => ("Medium", 3, 2),
        Severity::High => ("High", 4, 3),
        Severity::Critical => ("Critical", 5, 4),
    };
    fields.number("severity_id", Some(code));
    fields.text("severity", name);
    fields.number("risk_level_id", Some(risk));
    fields.text("risk_level", name);
    fields.number("risk_score", Some(risk * 25));
}

fn metadata(fields: &mut Fields, alert: &Alert) {
    fields.text("metadata.version", VERSION);
    fields.text("metadata.uid", alert.id.as_str());
    fields.text("metadata.product.name", "Koney");
    fields.text("metadata.product.vendor_name", "Dynatrace Research");
    fields.text("metadata.product.version", env!("CARGO_PKG_VERSION"));
    fields.list("metadata.labels", alert.labels.tags.iter().map(String::as_str));
}

fn information(fields: &mut Fields, alert: &Alert) {
    fields.text("finding_info.uid", alert.id.as_str());
    fields.text("finding_info.title", sentence(alert));
    fields.value("finding_info.created_time", milliseconds(alert.time));
    fields.list("finding_info.types", [alert.trap.koney_type()]);
    if let Some(repeated) = alert.repeats {
        fields.value("finding_info.first_seen_time", milliseconds(repeated.first));
        fields.value("finding_info.last_seen_time", milliseconds(repeated.last));
        fields.number("count", Some(repeated.count));
    }
    if let Some(policy) = &alert.policy {
        // Rule.
        fields.value("finding_info.analytic", json!({ "name": policy, "uid": policy, "type_id": 1, "type": "Rule" }));
    }
    let main = alert.labels.main_techniques().map(|uid| json!({ "technique": { "uid": uid } }));
    let sub = alert.labels.sub_techniques().map(|uid| json!({ "sub_technique": { "uid": uid } }));
    let attacks: Vec<Value> = main.chain(sub).collect();
    if !attacks.is_empty() {
        fields.value("finding_info.attacks", attacks.into());
    }
}

fn evidence(alert: &Alert) -> Value {
    let mut fields = Fields::default();
    if let Some(path) = alert.trap.file_path() {
        file(&mut fields, ["file.name", "file.path"], path);
        // Regular file.
        fields.number("file.type_id", Some(1_u32));
    }
    if let Some(request) = alert.trap.request() {
        fields.maybe("http_request.http_method", request.method.as_deref());
        fields.maybe("http_request.url.hostname", request.host.as_deref());
        fields.maybe("http_request.url.path", request.path.as_deref());
        fields.maybe("url.hostname", request.host.as_deref());
        fields.maybe("url.path", request.path.as_deref());
        fields.maybe("src_endpoint.ip", request.client.as_deref());
    }
    if let Some(Container { id, name, .. }) = alert.container() {
        fields.text("container.uid", id);
        fields.text("container.name", name);
    }
    if let Some(process) = &alert.process {
        actor(&mut fields, process);
    }
    fields.nested()
}

fn actor(fields: &mut Fields, process: &Process) {
    fields.number("actor.process.pid", process.pid);
    fields.number("actor.process.tid", process.tid);
    fields.maybe("actor.process.working_directory", process.cwd.as_deref());
    if let Some(executable) = process.executable.as_deref().filter(|path| !path.is_empty()) {
        file(fields, ["actor.process.file.name", "actor.process.file.path"], executable);
        fields.number("actor.process.file.type_id", Some(1_u32));
        fields.text("actor.process.name", executable.rsplit('/').next().unwrap_or(executable));
    }
    let command = [process.executable.as_deref(), process.arguments.as_deref()];
    let command = command.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    fields.text("actor.process.cmd_line", command);
    if let Some(uid) = process.uid {
        fields.text("actor.process.user.uid", uid.to_string());
    }
    if let Some(started) = process.started {
        fields.value("actor.process.created_time", milliseconds(started));
    }
    fields.number("actor.process.parent_process.pid", process.parent_pid);
    fields.maybe("actor.process.parent_process.name", process.parent_pid.and(process.parent_comm.as_deref()));
}

/// A file has to have a name.
fn file(fields: &mut Fields, [name, path]: [&'static str; 2], file: &str) {
    let last = file.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(file);
    fields.text(name, if last.is_empty() { "?" } else { last });
    fields.text(path, file);
}

fn milliseconds(time: Timestamp) -> Value {
    time.as_millisecond().into()
}
