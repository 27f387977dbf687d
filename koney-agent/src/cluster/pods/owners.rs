//! What stands above the owners of this node's pods: one get for each owner, remembered.
//!
//! Nothing is listed or watched: what is asked for grows with the pods of the node, not with the cluster.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta},
};
use tokio::time::Instant;
use tracing::debug;

use super::pod::{Pod, PodOwner, Workload};

/// After this time the labels of a Deployment are asked for again.
const FRESH: Duration = Duration::from_mins(5);
/// After this time an answer that was none is asked for again.
const RETRY: Duration = Duration::from_secs(10);

/// Owners whose owner is of interest: group, version, plural.
const ABOVE: [(&str, &str, &str, &str); 2] = [("ReplicaSet", "apps", "v1", "replicasets"), ("Job", "batch", "v1", "jobs")];
/// Their owners in turn.
const TOP: [(&str, &str, &str, &str); 2] = [("Deployment", "apps", "v1", "deployments"), ("CronJob", "batch", "v1", "cronjobs")];

/// What was asked, by the owner's uid.
#[derive(Default)]
pub(super) struct Owners {
    known: HashMap<String, Known>,
}

struct Known {
    workload: Option<Arc<Workload>>,
    /// There was an answer, be it that there is nothing above.
    answered: bool,
    asked: Instant,
}

impl Owners {
    /// What an agent before this one knew; it is asked for again at once, and stays where nobody answers.
    pub(super) fn restore<'a>(&mut self, pods: impl Iterator<Item = &'a Pod>) {
        let now = Instant::now();
        let asked = now.checked_sub(FRESH + RETRY).unwrap_or(now);
        for pod in pods.filter(|pod| pod.resolved) {
            let Some(owner) = &pod.owner else { continue };
            let known = Known { workload: pod.workload.clone(), answered: true, asked };
            self.known.insert(owner.uid.clone(), known);
        }
    }

    /// Fills in what is known.
    pub(super) fn complete(&self, pod: &mut Pod) {
        let above = pod.owner.as_ref().filter(|owner| resource(&ABOVE, &owner.kind).is_some());
        let Some(owner) = above else {
            pod.resolved = true;
            return;
        };
        if let Some(known) = self.known.get(&owner.uid) {
            pod.workload.clone_from(&known.workload);
            pod.resolved = known.answered;
        }
    }

    /// Forgets the owners that no pod has any more, and names those that are to be asked for.
    pub(super) fn missing(&mut self, pods: &[Pod]) -> Vec<(String, PodOwner)> {
        let owners: HashMap<&str, (&str, &PodOwner)> = pods
            .iter()
            .filter_map(|pod| Some((pod.namespace.as_str(), pod.owner.as_ref()?)))
            .filter(|(_, owner)| resource(&ABOVE, &owner.kind).is_some())
            .map(|(namespace, owner)| (owner.uid.as_str(), (namespace, owner)))
            .collect();
        self.known.retain(|uid, _| owners.contains_key(uid.as_str()));
        let due = |known: &Known| known.asked.elapsed() > if known.answered { FRESH } else { RETRY };
        let missing = owners.into_iter().filter(|(uid, _)| self.known.get(*uid).is_none_or(due));
        missing.map(|(_, (namespace, owner))| (namespace.to_owned(), owner.clone())).collect()
    }

    /// Takes an answer in.
    pub(super) fn learn(&mut self, owner: &PodOwner, answer: Result<Option<Workload>, kube::Error>) {
        let asked = Instant::now();
        let known = match answer {
            Ok(workload) => Known { workload: workload.map(Arc::new), answered: true, asked },
            Err(error) => {
                debug!(kind = owner.kind, name = owner.name, %error, "an owner cannot be asked for; tried again");
                let before = self.known.remove(&owner.uid);
                let (workload, answered) = before.map_or((None, false), |before| (before.workload, before.answered));
                Known { workload, answered, asked }
            }
        };
        self.known.insert(owner.uid.clone(), known);
    }
}

/// What stands above an owner; `None` where nothing does.
pub(super) async fn ask(client: &Client, namespace: &str, owner: &PodOwner) -> Result<Option<Workload>, kube::Error> {
    let Some(above) = resource(&ABOVE, &owner.kind) else { return Ok(None) };
    let Some(found) = get(client, namespace, &above, &owner.name).await? else { return Ok(None) };
    let references = found.metadata.owner_references.unwrap_or_default();
    let Some(reference) = references.into_iter().find(|reference| reference.controller == Some(true)) else { return Ok(None) };
    let Some(top) = resource(&TOP, &reference.kind) else {
        // Of some operator's: a name is all that anybody asks of it.
        return Ok(Some(Workload { kind: reference.kind, name: reference.name, ..Workload::default() }));
    };
    let labels = get(client, namespace, &top, &reference.name).await?.and_then(|found| found.metadata.labels);
    Ok(Some(Workload { kind: reference.kind, name: reference.name, labels: labels.unwrap_or_default() }))
}

async fn get(
    client: &Client,
    namespace: &str,
    resource: &ApiResource,
    name: &str,
) -> Result<Option<PartialObjectMeta<DynamicObject>>, kube::Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
    api.get_metadata_opt(name).await
}

fn resource(all: &[(&str, &str, &str, &str)], kind: &str) -> Option<ApiResource> {
    let (kind, group, version, plural) = all.iter().find(|(known, ..)| *known == kind)?;
    Some(ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(kind: &str, uid: &str) -> Pod {
        let owner = PodOwner { kind: kind.to_owned(), name: "web-7".to_owned(), uid: uid.to_owned() };
        Pod { namespace: "shop".to_owned(), owner: Some(owner), ..Pod::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_is_asked_for_once_and_again_when_it_may_have_changed() {
        let mut owners = Owners::default();
        let pods = [pod("ReplicaSet", "a"), pod("ReplicaSet", "a"), pod("DaemonSet", "b")];
        let missing = owners.missing(&pods);
        assert_eq!(missing.len(), 1, "the owner of two pods once, that of the third never");
        let owner = &missing[0].1;
        let web = Workload { kind: "Deployment".to_owned(), name: "web".to_owned(), ..Workload::default() };
        owners.learn(owner, Ok(Some(web.clone())));
        assert!(owners.missing(&pods).is_empty());
        let mut known = pods[0].clone();
        owners.complete(&mut known);
        assert!(known.resolved);
        assert_eq!(known.deployment(), Some(&web));
        tokio::time::advance(FRESH + Duration::from_secs(1)).await;
        assert_eq!(owners.missing(&pods).len(), 1);
        let error = kube::Error::LinesCodecMaxLineLengthExceeded;
        owners.learn(owner, Err(error));
        owners.complete(&mut known);
        assert!(known.resolved, "what was known stays");
    }

    #[test]
    fn a_pod_without_anything_above_its_owner_needs_no_question() {
        for mut pod in [pod("DaemonSet", "a"), Pod::default()] {
            Owners::default().complete(&mut pod);
            assert!(pod.resolved && pod.workload.is_none());
        }
        let mut pod = pod("Job", "a");
        Owners::default().complete(&mut pod);
        assert!(!pod.resolved);
    }
}
