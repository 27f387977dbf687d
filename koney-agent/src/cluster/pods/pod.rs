//! A pod and its containers, as far as traps and alerts need them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::changes::Planted;

/// The pods of one node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    pods: Vec<Arc<Pod>>,
    /// Container ids, with the pod and the position in [`Pod::containers`].
    containers: HashMap<String, (usize, usize)>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid; that of a static pod is the one that its cgroups have.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The object that made it.
    pub owner: Option<PodOwner>,
    /// The owner's owner, where there is one and it is known: of a `ReplicaSet` the Deployment, of a `Job` the `CronJob`.
    pub workload: Option<Arc<Workload>>,
    /// Whether `workload` is missing because there is none.
    pub resolved: bool,
    /// Its runtime class: what is not the node's kernel (gVisor, Kata) has one.
    pub runtime_class: Option<String>,
    /// What Koney's operator says it has written into its containers.
    #[serde(default)]
    pub planted: Vec<Planted>,
    /// Its containers, in the order of the specification: regular, init, ephemeral.
    pub containers: Vec<PodContainer>,
}

/// The object that made a pod (`metadata.ownerReferences` with `controller: true`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PodOwner {
    /// Its kind, for example `ReplicaSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What stands above a pod's owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its kind, for example `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Labels of the object itself, which need not be those of its pods.
    pub labels: BTreeMap<String, String>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodContainer {
    /// Its name in the pod.
    pub name: String,
    /// What it is for.
    pub kind: ContainerKind,
    /// The runtime's word and the id of the instance that runs, or ran last: `containerd`, `747c5d…`. Absent before the first one.
    pub id: Option<(String, String)>,
    /// The instance before that one, which was restarted.
    pub former_id: Option<String>,
    /// It runs now, as far as is known.
    pub running: bool,
    /// The image, as the specification names it.
    pub image: Option<String>,
    /// Where files of Koney's volumes are mounted: an observed path of a decoy that was planted through the Deployment.
    pub decoys: BTreeSet<String>,
}

/// What a container is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContainerKind {
    /// One of `spec.containers`.
    #[default]
    Regular,
    /// One of `spec.initContainers`.
    Init,
    /// One of `spec.ephemeralContainers`.
    Ephemeral,
}

impl Pod {
    /// The Deployment that it belongs to, as far as that is known.
    #[must_use]
    pub fn deployment(&self) -> Option<&Workload> {
        self.workload.as_deref().filter(|workload| workload.kind == "Deployment")
    }

    /// Kind and name of what a person would call its workload: the topmost owner that is known.
    #[must_use]
    pub fn workload_name(&self) -> Option<(&str, &str)> {
        let above = self.workload.as_deref().map(|workload| (workload.kind.as_str(), workload.name.as_str()));
        above.or_else(|| self.owner.as_ref().map(|owner| (owner.kind.as_str(), owner.name.as_str())))
    }
}

impl Pods {
    /// Takes them in; of two containers with one id the later counts.
    #[must_use]
    pub fn new(pods: Vec<Arc<Pod>>) -> Self {
        let mut containers = HashMap::new();
        for (at, pod) in pods.iter().enumerate() {
            for (position, container) in pod.containers.iter().enumerate() {
                let current = container.id.as_ref().map(|(_, id)| id);
                for id in [current, container.former_id.as_ref()].into_iter().flatten() {
                    containers.insert(id.clone(), (at, position));
                }
            }
        }
        Self { pods, containers }
    }

    /// Every pod.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.iter()
    }

    /// The pod and the container of a runtime id.
    #[must_use]
    pub fn container(&self, id: &str) -> Option<(&Pod, &PodContainer)> {
        let (at, position) = self.containers.get(id)?;
        let pod = self.pods.get(*at)?;
        Some((pod, pod.containers.get(*position)?))
    }

    /// The ids of all containers.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.containers.keys().map(String::as_str)
    }

    /// How many pods there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pods.len()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }
}
