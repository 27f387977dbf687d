//! An alert as koney's own JSON: all that is known, under names of its own. For receivers that ask for no schema.

use serde_json::Value;

use super::fields::Fields;
use crate::alert::sentence::sentence;
use crate::alert::{Accessor, Alert, Container, Owner, Process, Severity};

/// What the kernel stores as login user of a process that nobody logged in for.
pub(super) const NO_LOGIN: u32 = u32::MAX;

/// The document. Absent values are left out, never null.
pub(super) fn document(alert: &Alert, severity: Severity) -> Value {
    let mut fields = Fields::default();
    fields.text("id", alert.id.as_str());
    fields.text("time", format!("{:.9}", alert.time));
    fields.text("kind", alert.kind());
    fields.text("severity", alert.severity(severity).level());
    fields.text("message", sentence(alert));
    fields.maybe("policy", alert.policy.as_deref());
    fields.list("tags", alert.labels.tags.iter().map(String::as_str));
    fields.list("techniques", alert.labels.techniques.iter().map(String::as_str));
    fields.text("trap.type", alert.trap.koney_type());
    fields.maybe("trap.file_path", alert.trap.file_path());
    if let Some(request) = alert.trap.request() {
        fields.maybe("trap.request.method", request.method.as_deref());
        fields.maybe("trap.request.host", request.host.as_deref());
        fields.maybe("trap.request.path", request.path.as_deref());
        fields.maybe("trap.request.client", request.client.as_deref());
    }
    fields.maybe("operation", alert.operation_name());
    fields.maybe("accessed_path", alert.accessed_path.as_deref());
    fields.text("detector", alert.detector);
    fields.maybe("cluster", alert.cluster.as_deref());
    fields.maybe("node", alert.node_name());
    owner(&mut fields, alert);
    if let Some(process) = &alert.process {
        of_process(&mut fields, process);
    }
    accessor(&mut fields, alert);
    if let Some(repeated) = alert.repeats {
        fields.number("repeats.count", Some(repeated.count));
        fields.text("repeats.first", format!("{:.9}", repeated.first));
        fields.text("repeats.last", format!("{:.9}", repeated.last));
    }
    if let Some(gap) = alert.gap {
        fields.text("coverage.cause", gap.cause.name());
        fields.number("coverage.count", Some(gap.count));
    }
    fields.nested()
}

fn owner(fields: &mut Fields, alert: &Alert) {
    match &alert.owner {
        Owner::Container(container) => {
            fields.text("owner.kind", "container");
            fields.text("owner.namespace", &container.namespace);
            fields.text("owner.pod", &container.pod);
            fields.text("owner.container", &container.name);
            fields.text("owner.container_id", &container.id);
            if let Some((kind, name)) = &container.workload {
                fields.text("owner.workload.kind", kind);
                fields.text("owner.workload.name", name);
            }
            if container.is_unknown() {
                fields.text("enrichment", "incomplete");
            }
        }
        Owner::Host { name, machine_id } => {
            fields.text("owner.kind", "host");
            fields.text("owner.host", name);
            fields.maybe("owner.machine_id", machine_id.as_deref());
        }
    }
}

fn of_process(fields: &mut Fields, process: &Process) {
    fields.number("process.pid", process.pid);
    fields.number("process.tid", process.tid);
    fields.number("process.uid", process.uid);
    fields.number("process.gid", process.gid);
    fields.number("process.login_uid", process.login_uid.filter(|uid| *uid != NO_LOGIN));
    fields.maybe("process.capabilities", process.capabilities.map(|bits| format!("{bits:016x}")));
    fields.maybe("process.comm", process.comm.as_deref());
    fields.maybe("process.executable", process.executable.as_deref());
    fields.maybe("process.arguments", process.arguments.as_deref());
    if process.arguments_truncated {
        fields.value("process.arguments_truncated", Value::Bool(true));
    }
    fields.maybe("process.cwd", process.cwd.as_deref());
    fields.maybe("process.started", process.started.map(|time| format!("{time:.9}")));
    fields.number("process.parent.pid", process.parent_pid);
    fields.maybe("process.parent.comm", process.parent_comm.as_deref());
}

fn accessor(fields: &mut Fields, alert: &Alert) {
    match &alert.accessor {
        None => {}
        Some(Accessor::Host) => fields.text("accessor.kind", "host"),
        Some(Accessor::Container { id, container }) => {
            fields.text("accessor.kind", "container");
            fields.text("accessor.container_id", id);
            if let Some(Container { namespace, pod, name, .. }) = container.as_deref() {
                fields.text("accessor.namespace", namespace);
                fields.text("accessor.pod", pod);
                fields.text("accessor.container", name);
            }
        }
    }
}
