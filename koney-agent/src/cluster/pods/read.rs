//! A `v1` `Pod` to what is needed of it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1 as core;
use serde_json::Value;
use thiserror::Error;

use super::changes;
use super::pod::{ContainerKind, Pod, PodContainer, PodOwner};

/// What Koney's operator names the volumes of its decoys: `koney-volume-` and the MD5 of the path.
const KONEY_VOLUME: &str = "koney-volume-";
/// The annotation by which the kubelet ties the mirror of a static pod to the pod that its cgroups name.
const STATIC_UID: &str = "kubernetes.io/config.hash";

/// A pod that cannot be read. It is left out, and nothing else; whoever wrote the API object acts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PodError {
    /// It is not what the API says a pod is.
    #[error("pod {0} cannot be read: {1}; report this with the version of Kubernetes")]
    Malformed(String, String),
    /// It has no name, namespace or uid.
    #[error("a pod has no {0}; see what has made it")]
    Nameless(&'static str),
}

/// Reads one pod.
pub fn read(value: Value) -> Result<Pod, PodError> {
    let name = |value: &Value, key: &str| value.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).map(str::to_owned);
    let called = format!("{}/{}", name(&value, "namespace").unwrap_or_default(), name(&value, "name").unwrap_or_default());
    let pod: core::Pod = serde_path_to_error::deserialize(value)
        .map_err(|error| PodError::Malformed(called, format!("{}: {}", error.path(), error.inner())))?;
    let metadata = pod.metadata;
    let annotated = metadata.annotations.as_ref().and_then(|annotations| annotations.get(STATIC_UID)).cloned();
    let planted = metadata.annotations.as_ref().and_then(|annotations| annotations.get(changes::ANNOTATION));
    let planted = planted.map(|text| changes::read(text)).unwrap_or_default();
    let owner = metadata.owner_references.unwrap_or_default().into_iter().find(|owner| owner.controller == Some(true));
    let spec = pod.spec.unwrap_or_default();
    let status = pod.status.unwrap_or_default();
    let mut containers = Containers::default();
    containers.add(ContainerKind::Regular, spec.containers, status.container_statuses);
    containers.add(ContainerKind::Init, spec.init_containers.unwrap_or_default(), status.init_container_statuses);
    let ephemeral = spec.ephemeral_containers.unwrap_or_default().into_iter().map(|container| core::Container {
        name: container.name,
        image: container.image,
        volume_mounts: container.volume_mounts,
        ..core::Container::default()
    });
    containers.add(ContainerKind::Ephemeral, ephemeral.collect(), status.ephemeral_container_statuses);
    Ok(Pod {
        namespace: metadata.namespace.ok_or(PodError::Nameless("namespace"))?,
        name: metadata.name.ok_or(PodError::Nameless("name"))?,
        uid: annotated.or(metadata.uid).ok_or(PodError::Nameless("uid"))?,
        labels: metadata.labels.unwrap_or_default(),
        owner: owner.map(|owner| PodOwner { kind: owner.kind, name: owner.name, uid: owner.uid }),
        workload: None,
        resolved: false,
        runtime_class: spec.runtime_class_name,
        planted,
        containers: containers.0,
    })
}

#[derive(Default)]
struct Containers(Vec<PodContainer>);

impl Containers {
    fn add(&mut self, kind: ContainerKind, specified: Vec<core::Container>, statuses: Option<Vec<core::ContainerStatus>>) {
        let mut statuses: BTreeMap<_, _> =
            statuses.unwrap_or_default().into_iter().map(|status| (status.name.clone(), status)).collect();
        for container in specified {
            let status = statuses.remove(&container.name);
            self.0.push(one(kind, container, status));
        }
    }
}

fn one(kind: ContainerKind, container: core::Container, status: Option<core::ContainerStatus>) -> PodContainer {
    let mounts = container.volume_mounts.unwrap_or_default();
    let decoys: BTreeSet<_> =
        mounts.into_iter().filter(|mount| mount.name.starts_with(KONEY_VOLUME)).map(|mount| mount.mount_path).collect();
    let state = status.as_ref().and_then(|status| status.state.as_ref());
    let former = status.as_ref().and_then(|status| status.last_state.as_ref()?.terminated.as_ref()?.container_id.clone());
    PodContainer {
        name: container.name,
        kind,
        running: state.is_some_and(|state| state.running.is_some()),
        id: status.and_then(|status| split(&status.container_id?)),
        former_id: former.and_then(|id| split(&id)).map(|(_, id)| id),
        image: container.image,
        decoys,
    }
}

/// `containerd://747c5d…` is a word and an id.
fn split(written: &str) -> Option<(String, String)> {
    let (runtime, id) = written.split_once("://")?;
    (!id.is_empty()).then(|| (runtime.to_owned(), id.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::pods::Pods;

    fn web() -> Value {
        json!({
            "metadata": {
                "name": "web-7d", "namespace": "shop", "uid": "u-1", "labels": { "app": "web" },
                "ownerReferences": [
                    { "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "x" },
                    { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7", "uid": "rs", "controller": true },
                ],
            },
            "spec": {
                "runtimeClassName": "gvisor",
                "containers": [
                    { "name": "nginx", "image": "nginx:1", "volumeMounts": [
                        { "name": "koney-volume-0123", "mountPath": "/run/secrets/koney/token", "subPath": "token" },
                        { "name": "data", "mountPath": "/data" },
                    ] },
                    { "name": "new" },
                ],
                "initContainers": [{ "name": "prepare" }],
                "ephemeralContainers": [{ "name": "debug" }],
            },
            "status": {
                "containerStatuses": [{
                    "name": "nginx", "containerID": "containerd://aa", "image": "", "imageID": "", "ready": true, "restartCount": 1,
                    "state": { "running": {} },
                    "lastState": { "terminated": { "containerID": "containerd://before", "exitCode": 1 } },
                }],
                "initContainerStatuses": [{
                    "name": "prepare", "containerID": "cri-o://bb", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                    "state": { "terminated": { "exitCode": 0 } },
                }],
                "ephemeralContainerStatuses": [{
                    "name": "debug", "containerID": "docker://cc", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                }],
            },
        })
    }

    #[test]
    fn every_kind_of_container_is_known_by_its_id() {
        let pod = read(web()).expect("a pod");
        assert_eq!(pod.owner.as_ref().map(|owner| owner.kind.as_str()), Some("ReplicaSet"), "the controller");
        assert_eq!(pod.runtime_class.as_deref(), Some("gvisor"));
        let pods = Pods::new(vec![pod.into()]);
        let named = |id: &str| pods.container(id).map(|(pod, container)| (pod.name.as_str(), container.name.as_str()));
        assert_eq!(named("aa"), Some(("web-7d", "nginx")));
        assert_eq!(named("before"), Some(("web-7d", "nginx")), "the instance that was restarted");
        assert_eq!(named("bb"), Some(("web-7d", "prepare")));
        assert_eq!(named("cc"), Some(("web-7d", "debug")));
        assert_eq!(named("dd"), None);
        let (_, nginx) = pods.container("aa").expect("there");
        assert!(nginx.running && nginx.kind == ContainerKind::Regular);
        assert_eq!(nginx.decoys, BTreeSet::from(["/run/secrets/koney/token".to_owned()]));
    }

    #[test]
    fn a_static_pod_has_the_uid_of_its_cgroups() {
        let mut pod = web();
        pod["metadata"]["annotations"] = json!({ "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef" });
        assert_eq!(read(pod).expect("a pod").uid, "0123456789abcdef0123456789abcdef");
    }

    #[test]
    fn what_is_no_pod_says_where() {
        let mut pod = web();
        pod["spec"]["containers"][0]["name"] = json!(7);
        let error = read(pod).expect_err("a number").to_string();
        assert!(error.starts_with("pod shop/web-7d cannot be read: spec.containers[0].name: "), "{error}");
        assert_eq!(read(json!({ "metadata": { "name": "x", "namespace": "y" } })), Err(PodError::Nameless("uid")));
    }
}
