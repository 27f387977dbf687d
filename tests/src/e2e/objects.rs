//! What the story applies.

use serde_json::{Value, json};

use crate::ingest::Ingest;

/// Where the workloads live.
pub(super) const NAMESPACE: &str = "koney-e2e";
/// The agents' namespace.
pub(super) const SYSTEM: &str = "koney-system";
/// The decoy.
pub(super) const DECOY: &str = "/tmp/koney-e2e/service_token";
/// What the policy selects.
const LABEL: (&str, &str) = ("koney-e2e/honeytoken", "true");

pub(super) fn namespace() -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } })
}

/// A Deployment of one pod of one container that does nothing.
pub(super) fn workload(name: &str, image: &str, selected: bool) -> Value {
    let mut labels = json!({ "app": name });
    if selected {
        labels[LABEL.0] = LABEL.1.into();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": name } }, "template": {
            "metadata": { "labels": labels },
            "spec": { "terminationGracePeriodSeconds": 1, "containers": [{
                "name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "86400"],
            }] },
        } },
    })
}

pub(super) fn policy() -> Value {
    let mut labels = json!({});
    labels[LABEL.0] = LABEL.1.into();
    json!({
        "apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionPolicy", "metadata": { "name": "koney-e2e" },
        "spec": { "traps": [{
            "filesystemHoneytoken": { "filePath": DECOY, "fileContent": "someverysecrettoken" },
            "decoyDeployment": { "strategy": "containerExec" },
            "match": { "any": [{ "resources": { "namespaces": [NAMESPACE], "selector": { "matchLabels": labels } } }] },
        }] },
    })
}

pub(super) fn sink() -> Value {
    json!({
        "apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionAlertSink",
        "metadata": { "name": "koney-e2e", "namespace": SYSTEM },
        "spec": { "dynatrace": { "secretName": "koney-e2e", "allowLocal": true } },
    })
}

pub(super) fn secret(ingest: &Ingest) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "koney-e2e", "namespace": SYSTEM },
        "stringData": { "apiUrl": ingest.url, "apiToken": ingest.token, "caBundle": ingest.authority },
    })
}
