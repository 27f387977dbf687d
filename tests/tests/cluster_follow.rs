//! The agent's view of a cluster: what it learns from an API server and a kubelet that speak the real protocols, and that it keeps what
//! it knows while they are away.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use koney_agent::{
    cluster::{
        SecretState, Snapshot,
        api::{ApiWatcher, ClusterUid, connect, learn_uid},
        pods::{Choice, PodOptions, PodWatcher, Pods},
    },
    sink::install_crypto_provider,
};
use koney_tests::{
    agent,
    cluster::{Cluster, NODE, Pod, deployment, policy, replica_set, secret, sink},
    ingest::Ingest,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(30);
const ID: &str = "747c5d1509f1b8b46593c526da670e0609bacaea89b94238ef6cf39b333f9ec4";
const CRD: &str = "research.dynatrace.com/v1alpha1";

/// A cluster, and an agent's receivers of what it says.
struct Seen {
    cluster: Cluster,
    folder: TempDir,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Seen {
    async fn begin(cluster: Cluster, folder: TempDir) -> Result<Self> {
        install_crypto_provider();
        let client = connect(Some(&folder.path().join("kubeconfig"))).await?;
        let (watcher, snapshots) = ApiWatcher::new(&client, "koney-system", None);
        tokio::spawn(watcher.run());
        Ok(Self { cluster, folder, snapshots })
    }

    async fn until(&mut self, what: &str, ready: impl Fn(&Snapshot) -> bool) -> Result<Arc<Snapshot>> {
        let found = timeout(PATIENCE, self.snapshots.wait_for(|snapshot| ready(snapshot))).await;
        Ok(Arc::clone(&*found.with_context(|| format!("{what} did not come"))??))
    }
}

async fn cluster() -> Result<(Cluster, TempDir)> {
    let folder = tempfile::tempdir()?;
    Ok((Cluster::start(folder.path()).await?, folder))
}

#[tokio::test]
async fn the_cluster_is_known_by_the_uid_of_its_first_namespace() -> Result<()> {
    let (cluster, folder) = cluster().await?;
    install_crypto_provider();
    let client = connect(Some(&folder.path().join("kubeconfig"))).await?;
    let uid = ClusterUid::default();
    cluster.apply(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "kube-system", "uid": "5c1e8f2a" } }));
    let learning = tokio::spawn(learn_uid(client, Arc::clone(&uid)));
    agent::until(|| uid.get().cloned()).await.context("nobody has told the uid")?;
    assert_eq!(uid.get().map(String::as_str), Some("5c1e8f2a"));
    let asked = cluster.api.requests().into_iter().filter(|path| path == "/api/v1/namespaces/kube-system").count();
    assert_eq!(asked, 1);
    ensure!(!learning.is_finished(), "a task that ends would end the agent");
    learning.abort();
    Ok(())
}

fn shop() -> serde_json::Value {
    json!({ "namespaces": ["shop"] })
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.policies.iter().flat_map(|policy| &policy.traps).map(|trap| trap.file_path.as_str()).collect()
}

#[tokio::test]
async fn policies_come_and_go_and_one_that_is_broken_hinders_no_other() -> Result<()> {
    let (cluster, folder) = cluster().await?;
    cluster.apply(policy("a", "/run/a", "containerExec", &shop()));
    let mut seen = Seen::begin(cluster, folder).await?;
    seen.until("the first policy", |snapshot| paths(snapshot) == ["/run/a"]).await?;
    seen.cluster.apply(json!({ "apiVersion": CRD, "kind": "DeceptionPolicy", "metadata": { "name": "b" }, "spec": 7 }));
    seen.cluster.apply(policy("c", "/run/c", "containerExec", &shop()));
    let snapshot = seen.until("a second policy", |snapshot| paths(snapshot) == ["/run/a", "/run/c"]).await?;
    let said: Vec<_> = snapshot.problems.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.starts_with("API server: DeceptionPolicy/b spec: ")), "{said:?}");
    seen.cluster.api.store().delete(CRD, "DeceptionPolicy", "", "a");
    seen.until("the end of a policy", |snapshot| paths(snapshot) == ["/run/c"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_secret_that_changes_is_in_force_at_once() -> Result<()> {
    let (cluster, folder) = cluster().await?;
    let ingest = Ingest::absent(&folder.path().join("ingest")).await?;
    cluster.apply(sink("siem"));
    let mut seen = Seen::begin(cluster, folder).await?;
    let state = |snapshot: &Snapshot| snapshot.sinks.first().map(|sink| sink.secret.clone());
    let is_missing = |snapshot: &Snapshot| matches!(state(snapshot), Some(SecretState::Missing(name)) if name == "siem-ingest");
    seen.until("a sink without its Secret", is_missing).await?;
    for token in ["first", "second"] {
        seen.cluster.apply(secret("siem", &ingest, token));
        let has = |snapshot: &Snapshot| match state(snapshot) {
            Some(SecretState::Found(secret)) => {
                secret.get("apiToken").is_some_and(|found| secrecy::ExposeSecret::expose_secret(found) == token.as_bytes())
            }
            _ => false,
        };
        seen.until("the Secret", has).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_known_stays_while_the_api_server_is_away_and_nothing_is_missed_when_it_is_back() -> Result<()> {
    let (cluster, folder) = cluster().await?;
    cluster.apply(policy("a", "/run/a", "containerExec", &shop()));
    let mut seen = Seen::begin(cluster, folder).await?;
    seen.until("the first policy", |snapshot| paths(snapshot) == ["/run/a"]).await?;
    seen.cluster.api.vanish();
    seen.cluster.apply(policy("b", "/run/b", "containerExec", &shop()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(paths(&seen.snapshots.borrow()), ["/run/a"]);
    seen.cluster.api.store().delete(CRD, "DeceptionPolicy", "", "a");
    // What happened meanwhile is forgotten, so that it must be listed anew.
    seen.cluster.api.store().compact();
    seen.cluster.api.appear().await?;
    seen.until("what changed meanwhile", |snapshot| paths(snapshot) == ["/run/b"]).await?;
    seen.cluster.api.break_watches(3);
    seen.cluster.api.end_watches();
    seen.cluster.api.slow_down(Duration::from_millis(200));
    seen.cluster.apply(policy("c", "/run/c", "containerExec", &shop()));
    seen.until("a policy by a watch that had broken", |snapshot| paths(snapshot) == ["/run/b", "/run/c"]).await?;
    Ok(())
}

/// The pods as they become known, and whom to ask for a fresh look.
async fn pods(seen: &Seen, choice: Choice) -> Result<(watch::Receiver<Option<Arc<Pods>>>, Arc<Notify>)> {
    let client = connect(Some(&seen.folder.path().join("kubeconfig"))).await?;
    let options = PodOptions {
        choice,
        address: Some(seen.cluster.kubelet.address()),
        ca_file: Some(seen.folder.path().join("kubelet-ca.crt")),
        token_file: Some(seen.folder.path().join("kubelet-token")),
    };
    let refresh = Arc::new(Notify::new());
    let (watcher, pods) = PodWatcher::new(client, NODE, options, Arc::clone(&refresh), None).await?;
    tokio::spawn(watcher.run());
    Ok((pods, refresh))
}

async fn until(pods: &mut watch::Receiver<Option<Arc<Pods>>>, what: &str, ready: impl Fn(&Pods) -> bool) -> Result<Arc<Pods>> {
    let found = timeout(PATIENCE, pods.wait_for(|pods| pods.as_deref().is_some_and(&ready))).await;
    found.with_context(|| format!("{what} did not come"))??.clone().context("there are some")
}

fn web() -> Pod {
    Pod::new("shop", "web-7-x").label("app", "web").owner("ReplicaSet", "web-7").container("nginx", ID)
}

#[tokio::test]
async fn pods_come_from_the_kubelet_with_what_stands_above_them() -> Result<()> {
    let (cluster, folder) = cluster().await?;
    cluster.apply(deployment("shop", "web", &json!({ "team": "red" })));
    cluster.apply(replica_set("shop", "web-7", "web"));
    cluster.apply(web().object());
    let seen = Seen::begin(cluster, folder).await?;
    let (mut pods, refresh) = pods(&seen, Choice::Auto).await?;
    let known = until(&mut pods, "the pod with its Deployment", |pods| {
        pods.container(ID).is_some_and(|(pod, _)| pod.deployment().is_some())
    })
    .await?;
    let (pod, container) = known.container(ID).context("the container is known")?;
    assert_eq!((pod.name.as_str(), container.name.as_str()), ("web-7-x", "nginx"));
    assert_eq!(pod.workload_name(), Some(("Deployment", "web")));
    assert_eq!(pod.deployment().context("it has one")?.labels["team"], "red");
    let other = "0".repeat(64);
    seen.cluster.apply(Pod::new("shop", "job").container("run", &other).object());
    refresh.notify_one();
    until(&mut pods, "a pod that was asked for", |pods| pods.container(&other).is_some()).await?;
    let requests = seen.cluster.api.requests();
    assert!(!requests.iter().any(|path| path.contains("/pods")), "the kubelet has told: {requests:?}");
    let owners = |what: &str| requests.iter().filter(|path| path.contains(what)).count();
    assert_eq!((owners("/replicasets/web-7"), owners("/deployments/web")), (1, 1), "one question for each owner: {requests:?}");
    Ok(())
}

#[tokio::test]
async fn a_kubelet_that_tells_nothing_is_replaced_by_a_watch_of_this_nodes_pods() -> Result<()> {
    let (cluster, folder) = cluster().await?;
    cluster.kubelet.close(true);
    cluster.apply(web().object());
    let seen = Seen::begin(cluster, folder).await?;
    let (mut pods, _refresh) = pods(&seen, Choice::Auto).await?;
    until(&mut pods, "the pod", |pods| pods.container(ID).is_some()).await?;
    let requests = seen.cluster.api.requests();
    let of_pods: Vec<_> = requests.iter().filter(|path| path.starts_with("/api/v1/pods")).collect();
    assert!(of_pods.iter().all(|path| path.contains("spec.nodeName%3Dnode-1")), "{of_pods:?}");
    assert!(!of_pods.is_empty());
    seen.cluster.api.store().delete("v1", "Pod", "shop", "web-7-x");
    let gone = until(&mut pods, "its end", |pods| pods.container(ID).is_some()).await?;
    assert!(gone.container(ID).is_some(), "a pod that is gone is remembered for a while: its last alerts are on their way");
    Ok(())
}

#[tokio::test]
async fn a_kubelet_that_was_asked_for_by_name_must_answer() -> Result<()> {
    let (cluster, folder) = cluster().await?;
    cluster.kubelet.close(true);
    let seen = Seen::begin(cluster, folder).await?;
    let refused = pods(&seen, Choice::Kubelet).await.err().context("it refuses")?.to_string();
    assert!(refused.contains("the kubelet answers 403 Forbidden") && refused.contains("--pods-from api"), "{refused}");
    Ok(())
}
