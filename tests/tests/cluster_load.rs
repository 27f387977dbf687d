//! A large cluster seen from one node: what the agent asks for does not grow with it, and neither does the agent.

use std::{
    fs,
    io::{self, Write as _},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::{self, Agent, until},
    cluster::{Cluster, Pod, deployment, policy, replica_set},
};
use serde_json::json;

const PODS: usize = 5000;
const POLICIES: usize = 50;
/// As many as a kubelet takes.
const HERE: usize = 110;
/// Changes of pods of other nodes, and of this one.
const CHANGES: usize = 500;
const WATCHED: Duration = Duration::from_secs(20);

/// A pod of another node, or of this one; every tenth is selected by some policy.
fn pod(number: usize, here: bool) -> serde_json::Value {
    let id = format!("{number:064x}");
    let pod = Pod::new(&format!("team-{}", number % 20), &format!("web-{number}")).label("app", &format!("app-{}", number % 500));
    let mut object = pod.owner("ReplicaSet", &format!("web-{}", number % 500)).container("main", &id).object();
    if !here {
        object["spec"]["nodeName"] = format!("node-{}", 2 + number % 45).into();
    }
    object
}

fn kibibytes(pid: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the agent runs")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("the kernel tells")?;
    line.split_whitespace().next().context("a number")?.parse().context("a number")
}

/// Processor time in hundredths of a second.
fn ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the agent runs")?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

/// One agent may ask for this, whatever the cluster's size: its own node's pods, three watches, single owners, its own reports.
fn is_of_one_node(request: &str) -> bool {
    let path = request.split('?').next().unwrap_or_default();
    let single = |resource: &str| path.contains(&format!("/{resource}/"));
    path.ends_with("/deceptionpolicies")
        || path.contains("/deceptionpolicies/")
        || path.starts_with("/apis/research.dynatrace.com/v1alpha1/namespaces/koney-system/")
        || path == "/api/v1/namespaces/kube-system"
        || path.starts_with("/api/v1/namespaces/koney-system/secrets")
        || path.starts_with("/apis/coordination.k8s.io/v1/namespaces/koney-system/leases")
        || (path.ends_with("/pods") && request.contains("fieldSelector=spec.nodeName"))
        || single("replicasets")
        || single("deployments")
}

/// Waits until every owner has been asked for, and every condition was written.
async fn settled(cluster: &Cluster) -> Result<()> {
    let count = |of: fn(&str) -> bool| cluster.api.requests().iter().filter(|request| of(request)).count();
    let owners = || count(|request| request.starts_with("/apis/apps/"));
    let conditions = || count(|request| request.contains("/status?"));
    let all = || (owners() >= 2 * HERE && conditions() >= POLICIES).then_some(());
    until(all).await.with_context(|| format!("{} owners were asked for, {} conditions written", owners(), conditions()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_agent_asks_for_does_not_grow_with_the_cluster() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return koney_tests::stage::skip("what_one_agent_asks_for_does_not_grow_with_the_cluster", "not run as root")
            .map_err(Into::into);
    }
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::start(folder.path()).await?;
    for number in 0..PODS {
        cluster.apply(pod(number, number < HERE));
    }
    for number in 0..500 {
        let (name, namespaces) = (format!("web-{number}"), 0..20);
        for namespace in namespaces.map(|namespace| format!("team-{namespace}")).filter(|_| number < HERE) {
            cluster.apply(deployment(&namespace, &name, &json!({ "app": name })));
            cluster.apply(replica_set(&namespace, &name, &name));
        }
    }
    for number in 0..POLICIES {
        let selector = json!({ "selector": { "matchLabels": { "app": format!("app-{}", number * 10) } } });
        cluster.apply(policy(&format!("p-{number}"), &format!("/run/decoy-{number}"), "volumeMount", &selector));
    }
    let mut command = Command::new(agent::program()?);
    command.arg("run").args(cluster.arguments()?).args(["--pins", "none", "--attach", "auto"]);
    let agent = Agent::spawn(command.into())?;
    agent.logged(&format!("the cluster's policies and sinks policies={POLICIES}")).await?;
    agent.logged("traps armed=0").await?;
    let leads = || agent.log().contains("this agent sums up for all leads=true").then_some(());
    until(leads).await?;
    settled(&cluster).await?;
    let asked = |from: usize| cluster.api.requests().split_off(from);
    let first = asked(0);
    // Every owner of a pod of this node is asked for once, and its owner.
    ensure!(first.len() < 3 * HERE + POLICIES * 3 + 100, "{} requests to begin with", first.len());
    let (before, resident, used) = (cluster.api.requests().len(), kibibytes(agent.pid()?, "VmRSS:")?, ticks(agent.pid()?)?);
    let began = Instant::now();
    for number in 0..CHANGES {
        let elsewhere = HERE + number;
        let mut changed = pod(elsewhere, false);
        changed["metadata"]["labels"]["changed"] = number.to_string().into();
        cluster.apply(changed);
        let mut changed = pod(number % HERE, true);
        changed["metadata"]["labels"]["changed"] = number.to_string().into();
        cluster.apply(changed);
        tokio::time::sleep(WATCHED / u32::try_from(CHANGES)?).await;
    }
    let after = asked(before);
    let growth = kibibytes(agent.pid()?, "VmRSS:")?.saturating_sub(resident);
    let (share, watched) = (ticks(agent.pid()?)? - used, began.elapsed());
    say(&format!(
        "{PODS} pods, {POLICIES} policies: {} requests to begin with, {} in {watched:?} of {CHANGES} changes, {resident} KiB resident, {growth} KiB \
         more, {share} hundredths of a second of a processor",
        first.len(),
        after.len()
    ));
    let strange: Vec<_> = first.iter().chain(&after).filter(|request| !is_of_one_node(request)).collect();
    ensure!(strange.is_empty(), "asked for what grows with the cluster: {strange:?}");
    ensure!(after.len() < 60, "{} requests for changes elsewhere: {after:?}", after.len());
    ensure!(growth < 8192, "{growth} KiB more after {CHANGES} changes");
    agent.stop().await.map(drop)
}

/// For whoever runs it with `--nocapture`.
fn say(facts: &str) {
    writeln!(io::stdout(), "{facts}").ok();
}
