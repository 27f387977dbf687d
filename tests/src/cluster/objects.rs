//! Resources as `kubectl apply` would create them.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::ingest::Ingest;

/// A policy with one trap of a strategy, for what a filter selects (`resources` of `match.any`).
#[must_use]
pub fn policy(name: &str, file_path: &str, strategy: &str, resources: &Value) -> Value {
    json!({
        "apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionPolicy", "metadata": { "name": name },
        "spec": { "strictValidation": true, "mutateExisting": true, "traps": [{
            "filesystemHoneytoken": { "filePath": file_path, "fileContent": "someverysecrettoken", "readOnly": true },
            "decoyDeployment": { "strategy": strategy },
            "captorDeployment": { "strategy": "tetragon" },
            "match": { "any": [{ "resources": resources }] },
        }] },
    })
}

/// A sink whose Secret is `NAME-ingest`.
#[must_use]
pub fn sink(name: &str) -> Value {
    json!({
        "apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionAlertSink",
        "metadata": { "name": name, "namespace": "koney-system" },
        "spec": { "dynatrace": { "secretName": format!("{name}-ingest"), "severity": "HIGH", "allowLocal": true } },
    })
}

/// The Secret of that sink, for an endpoint and a token.
#[must_use]
pub fn secret(name: &str, ingest: &Ingest, token: &str) -> Value {
    let encoded = |text: &str| ByteString(text.as_bytes().to_vec());
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": format!("{name}-ingest"), "namespace": "koney-system" },
        "data": {
            "apiUrl": encoded(&ingest.url), "apiToken": encoded(token), "caBundle": encoded(&ingest.authority),
        },
    })
}

/// A Deployment.
#[must_use]
pub fn deployment(namespace: &str, name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": namespace, "labels": labels }, "spec": {},
    })
}

/// A `ReplicaSet` of that Deployment.
#[must_use]
pub fn replica_set(namespace: &str, name: &str, deployment: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": { "name": name, "namespace": namespace, "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": deployment, "uid": format!("Deployment-{deployment}"), "controller": true,
        }] },
        "spec": {},
    })
}
