//! Where policies, sinks and pods come from: a folder, or a cluster.

use std::{path::Path, sync::Arc, time::Duration};

use kube::Client;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tracing::warn;

use super::{ClusterOptions, RunError, Source, control::Inputs, supervise::Supervisor};
use crate::cluster::{
    Answers, LastKnown, Snapshot,
    api::{ApiWatcher, connect},
    manifests::Watcher,
    pods::{PodWatcher, Pods},
};

/// How long the traps that are to be watched may wait for the pods, once the policies are known: what a former agent's programs have
/// recorded is judged by them.
const PODS: Duration = Duration::from_secs(10);

/// What follows the source.
pub(super) enum Sources {
    Manifests(Watcher, watch::Receiver<Arc<Snapshot>>),
    Cluster(Box<(ApiWatcher, PodWatcher, Client)>, watch::Receiver<Arc<Snapshot>>, watch::Receiver<Option<Arc<Pods>>>),
}

impl Sources {
    /// Opens the source; nothing is followed yet.
    pub(super) async fn open(
        source: Source,
        namespace: &str,
        node: &str,
        state: Option<&Path>,
        refresh: &Arc<Notify>,
    ) -> Result<Self, RunError> {
        match source {
            Source::Manifests(folder) => {
                let (watcher, snapshots) = Watcher::start(&folder, namespace)?;
                Ok(Self::Manifests(watcher, snapshots))
            }
            Source::Cluster(ClusterOptions { kubeconfig, pods, daemonset: _ }) => {
                let known = state.map(|folder| Arc::new(LastKnown::in_folder(folder.to_owned())));
                let client = connect(kubeconfig.as_deref()).await?;
                let (api, snapshots) = ApiWatcher::new(&client, namespace, known.clone());
                let (watcher, pods) = PodWatcher::new(client.clone(), node, pods, Arc::clone(refresh), known).await?;
                Ok(Self::Cluster(Box::new((api, watcher, client)), snapshots, pods))
            }
        }
    }

    /// The client of a cluster.
    pub(super) fn client(&self) -> Option<Client> {
        match self {
            Self::Manifests(..) => None,
            Self::Cluster(watchers, ..) => Some(watchers.2.clone()),
        }
    }

    /// Whether those who are asked in a cluster answer.
    pub(super) fn answers(&self) -> Vec<Answers> {
        match self {
            Self::Manifests(..) => Vec::new(),
            Self::Cluster(watchers, ..) => vec![watchers.0.answers(), watchers.1.answers()],
        }
    }

    /// Follows it.
    pub(super) fn spawn(self, tasks: &mut Supervisor) -> Inputs {
        match self {
            Self::Manifests(watcher, snapshots) => {
                tasks.spawn("manifest", watcher.run());
                Inputs { snapshots, pods: None }
            }
            Self::Cluster(watchers, snapshots, pods) => {
                let (api, watcher, _client) = *watchers;
                tasks.spawn("policy", api.run());
                tasks.spawn("pod", watcher.run());
                Inputs { snapshots, pods: Some(pods) }
            }
        }
    }
}

impl Inputs {
    /// Waits until what is to be watched is known: before that, nobody can say whose an access was.
    pub(super) async fn known(&mut self) {
        let Some(pods) = &mut self.pods else { return };
        if self.snapshots.changed().await.is_err() {
            return;
        }
        if timeout(PODS, pods.wait_for(Option::is_some)).await.is_err() {
            warn!("this node's pods are not known yet; who touches a decoy is told by the container's id alone until they are");
        }
    }
}
