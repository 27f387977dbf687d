//! Pods, as the kubelet tells them of the containers that run.

use serde_json::{Value, json};

use super::NODE;

/// A pod on the one node.
#[derive(Clone, Debug)]
pub struct Pod {
    namespace: String,
    name: String,
    labels: Value,
    annotations: Value,
    owner: Option<(String, String)>,
    runtime_class: Option<String>,
    containers: Vec<Value>,
    statuses: Vec<Value>,
    init: Vec<Value>,
    init_statuses: Vec<Value>,
}

impl Pod {
    /// One without labels and containers.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let (labels, annotations) = (json!({}), json!({}));
        let (containers, statuses, init, init_statuses) = <_>::default();
        Self { namespace, name, labels, annotations, owner: None, runtime_class: None, containers, statuses, init, init_statuses }
    }

    /// With a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels[key] = value.into();
        self
    }

    /// With an annotation.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations[key] = value.into();
        self
    }

    /// Made by this object.
    #[must_use]
    pub fn owner(mut self, kind: &str, name: &str) -> Self {
        self.owner = Some((kind.to_owned(), name.to_owned()));
        self
    }

    /// Of a runtime class.
    #[must_use]
    pub fn runtime_class(mut self, name: &str) -> Self {
        self.runtime_class = Some(name.to_owned());
        self
    }

    /// With a container that runs under this id, as the runtime `containerd` writes it.
    #[must_use]
    pub fn container(self, name: &str, id: &str) -> Self {
        self.container_of("containerd", name, id, &json!([]))
    }

    /// With a container of some runtime, and what is mounted in it.
    #[must_use]
    pub fn container_of(mut self, runtime: &str, name: &str, id: &str, mounts: &Value) -> Self {
        self.containers.push(json!({ "name": name, "image": "registry.example/app:1", "volumeMounts": mounts }));
        self.statuses.push(status(runtime, name, id));
        self
    }

    /// With a container that is still to start.
    #[must_use]
    pub fn waiting(mut self, name: &str) -> Self {
        self.containers.push(json!({ "name": name, "image": "registry.example/app:1" }));
        self
    }

    /// With an init container.
    #[must_use]
    pub fn init(mut self, name: &str, id: &str) -> Self {
        self.init.push(json!({ "name": name, "image": "registry.example/init:1" }));
        self.init_statuses.push(status("containerd", name, id));
        self
    }

    /// As the API has it.
    #[must_use]
    pub fn object(&self) -> Value {
        let owners = self.owner.iter().map(|(kind, name)| {
            let api = if kind == "Job" { "batch/v1" } else { "apps/v1" };
            json!({ "apiVersion": api, "kind": kind, "name": name, "uid": format!("{kind}-{name}"), "controller": true })
        });
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": self.name, "namespace": self.namespace, "uid": format!("{}-{}", self.namespace, self.name),
                "labels": self.labels, "annotations": self.annotations, "ownerReferences": owners.collect::<Vec<_>>(),
            },
            "spec": {
                "nodeName": NODE, "containers": self.containers, "initContainers": self.init, "runtimeClassName": self.runtime_class,
            },
            "status": {
                "phase": "Running", "containerStatuses": self.statuses, "initContainerStatuses": self.init_statuses,
            },
        })
    }
}

fn status(runtime: &str, name: &str, id: &str) -> Value {
    json!({
        "name": name, "containerID": format!("{runtime}://{id}"), "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": { "running": { "startedAt": "2026-01-02T03:04:05Z" } },
    })
}
