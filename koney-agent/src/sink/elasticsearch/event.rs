//! The document, in the Elastic Common Schema (ECS 9.5), behind the line that says where it goes.
//!
//! Its id is that of the alert: a document that is sent again is the same one.

use serde_json::{Value, json};

use crate::alert::sentence::sentence;
use crate::alert::{Accessor, Alert, Owner, Process, Severity};
use crate::sink::Render;
use crate::sink::document::NO_LOGIN;
use crate::sink::fields::Fields;

/// Writes alerts as two lines of a bulk request.
#[derive(Clone, Debug)]
pub struct Document {
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
    /// Name of the index or data stream.
    pub index: String,
}

impl Default for Document {
    fn default() -> Self {
        Self { severity: Severity::default(), index: "koney-alerts".to_owned() }
    }
}

impl Render for Document {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        // Data streams take nothing but `create`.
        let action = json!({ "create": { "_index": self.index, "_id": alert.id.as_str() } });
        format!("{action}\n{}\n", document(alert, self.severity)).into_bytes()
    }
}

fn document(alert: &Alert, severity: Severity) -> Value {
    let level = alert.severity(severity);
    let mut fields = Fields::default();
    // Milliseconds: a `date` of Elasticsearch has no more.
    fields.text("@timestamp", format!("{:.3}", alert.time));
    fields.text("ecs.version", "9.5.0");
    fields.text("message", sentence(alert));
    fields.text("event.id", alert.id.as_str());
    fields.text("event.created", format!("{:.3}", alert.time));
    fields.text("event.kind", if alert.kind() == "heartbeat" { "event" } else { "alert" });
    let (category, kind) = match (alert.kind(), alert.trap.request()) {
        ("access", None) => ("file", "access"),
        ("access", Some(_)) => ("web", "access"),
        ("tampering", _) => ("file", "change"),
        _ => ("host", "info"),
    };
    fields.list("event.category", [category, "intrusion_detection"]);
    fields.list("event.type", [kind]);
    fields.text("event.action", alert.kind());
    fields.text("event.module", "koney");
    fields.text("event.dataset", "koney.alert");
    fields.text("event.provider", "koney");
    fields.number("event.severity", Some(score(level)));
    fields.number("event.risk_score", Some(score(level)));
    fields.maybe("rule.name", alert.policy.as_deref());
    fields.maybe("rule.id", alert.policy.as_deref());
    fields.text("rule.category", alert.trap.koney_type());
    fields.list("tags", alert.labels.tags.iter().map(String::as_str));
    fields.maybe("threat.framework", (!alert.labels.techniques.is_empty()).then_some("MITRE ATT&CK"));
    fields.list("threat.technique.id", alert.labels.main_techniques());
    fields.list("threat.technique.subtechnique.id", alert.labels.sub_techniques());
    fields.text("observer.product", "Koney");
    fields.text("observer.vendor", "Dynatrace Research");
    fields.text("observer.type", "koney");
    if let Some(path) = alert.trap.file_path() {
        fields.text("file.path", path);
        fields.maybe("file.name", path.rsplit('/').next());
    }
    if let Some(request) = alert.trap.request() {
        fields.maybe("http.request.method", request.method.as_deref());
        fields.maybe("url.domain", request.host.as_deref());
        fields.maybe("url.path", request.path.as_deref());
        fields.maybe("client.address", request.client.as_deref());
    }
    place(&mut fields, alert);
    if let Some(process) = &alert.process {
        of_process(&mut fields, process);
    }
    koney(&mut fields, alert, level);
    fields.nested()
}

/// From 1 to 100, as ECS has it: 21, 47, 73 and 99 stand for the four levels of Elastic's own rules.
const fn score(level: Severity) -> u32 {
    match level {
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

fn place(fields: &mut Fields, alert: &Alert) {
    fields.maybe("host.name", alert.node_name());
    fields.maybe("orchestrator.cluster.name", alert.cluster.as_deref());
    fields.maybe("orchestrator.cluster.id", alert.cluster_uid.as_deref());
    match &alert.owner {
        Owner::Container(container) => {
            fields.text("orchestrator.type", "kubernetes");
            fields.text("orchestrator.namespace", &container.namespace);
            fields.text("orchestrator.resource.type", "pod");
            fields.text("orchestrator.resource.name", &container.pod);
            fields.text("container.id", &container.id);
            fields.text("container.name", &container.name);
        }
        Owner::Host { machine_id, .. } => fields.maybe("host.id", machine_id.as_deref()),
    }
}

fn of_process(fields: &mut Fields, process: &Process) {
    fields.number("process.pid", process.pid);
    fields.number("process.thread.id", process.tid);
    fields.maybe("process.executable", process.executable.as_deref());
    fields.maybe("process.name", process.executable.as_deref().and_then(|path| path.rsplit('/').next()));
    let command = [process.executable.as_deref(), process.arguments.as_deref()];
    fields.text(
        "process.command_line",
        command.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
    );
    fields.maybe("process.working_directory", process.cwd.as_deref());
    fields.maybe("process.start", process.started.map(|time| format!("{time:.3}")));
    fields.maybe("process.real_user.id", process.uid.map(|uid| uid.to_string()));
    fields.maybe("process.real_group.id", process.gid.map(|gid| gid.to_string()));
    fields.number("process.parent.pid", process.parent_pid);
    fields.maybe("process.parent.name", process.parent_comm.as_deref());
}

/// What ECS has no name for, under one of our own.
fn koney(fields: &mut Fields, alert: &Alert, level: Severity) {
    fields.text("koney.severity", level.level());
    fields.text("koney.trap_type", alert.trap.koney_type());
    fields.maybe("koney.operation", alert.operation_name());
    fields.text("koney.detector", alert.detector);
    fields.number("koney.login_uid", alert.process.as_ref().and_then(|process| process.login_uid).filter(|uid| *uid != NO_LOGIN));
    fields.maybe("koney.accessed_path", alert.accessed_path.as_deref());
    match &alert.accessor {
        None => {}
        Some(Accessor::Host) => fields.text("koney.accessor.kind", "host"),
        Some(Accessor::Container { id, container }) => {
            fields.text("koney.accessor.kind", "container");
            fields.text("koney.accessor.container_id", id);
            if let Some(known) = container.as_deref() {
                fields.text("koney.accessor.namespace", &known.namespace);
                fields.text("koney.accessor.pod", &known.pod);
                fields.text("koney.accessor.container", &known.name);
            }
        }
    }
    if let Some(repeated) = alert.repeats {
        fields.number("koney.repeats.count", Some(repeated.count));
        fields.text("event.start", format!("{:.3}", repeated.first));
        fields.text("event.end", format!("{:.3}", repeated.last));
    }
    if let Some(gap) = alert.gap {
        fields.text("koney.coverage.cause", gap.cause.name());
        fields.number("koney.coverage.count", Some(gap.count));
    }
}
