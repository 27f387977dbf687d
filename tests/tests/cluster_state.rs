//! What agents tell a cluster of themselves: a Lease each, and conditions that one of them writes for all.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use koney_agent::{
    cluster::{
        api::connect,
        state::{NodeReport, PolicyState, Reporter, SinkState},
    },
    sink::install_crypto_provider,
};
use koney_tests::{
    agent::until,
    cluster::{Cluster, policy, sink},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const CRD: &str = "research.dynatrace.com/v1alpha1";
const LEASES: &str = "coordination.k8s.io/v1";

/// What an agent reports, which may change.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<NodeReport>>);

impl Said {
    fn say(&self, report: NodeReport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }

    fn report(&self) -> NodeReport {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn report(containers: u64, missing: u64, error: Option<&str>) -> NodeReport {
    let others = if missing > 0 { [("missing".to_owned(), missing)].into() } else { <_>::default() };
    let policy = PolicyState { containers, armed: containers - missing, others, watched: true, problem: None };
    let sink = SinkState { ready: true, delivered: true, error: error.map(str::to_owned), ..SinkState::default() };
    NodeReport {
        detector: "lsm".to_owned(),
        policies: [("decoys".to_owned(), policy)].into(),
        sinks: [("prod".to_owned(), sink)].into(),
    }
}

async fn agent(folder: &TempDir, node: &str, said: &Said) -> Result<tokio::task::JoinHandle<()>> {
    install_crypto_provider();
    let client = connect(Some(&folder.path().join("kubeconfig"))).await?;
    let said = said.clone();
    let reporter = Reporter::new(&client, "koney-system", node, None, Box::new(move || said.report()));
    Ok(tokio::spawn(reporter.run()))
}

/// A condition as status, reason and message.
fn condition(cluster: &Cluster, kind: &str, name: &str, condition: &str) -> Option<[String; 3]> {
    let object = cluster.api.store().get(CRD, kind, name)?;
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|found| found["type"] == condition)?;
    Some(["status", "reason", "message"].map(|field| found[field].as_str().unwrap_or_default().to_owned()))
}

async fn becomes(cluster: &Cluster, of: (&str, &str, &str), expected: [&str; 3]) -> Result<()> {
    let now = || condition(cluster, of.0, of.1, of.2);
    let found = until(|| now().filter(|found| *found == expected)).await;
    found.map(drop).with_context(|| format!("{of:?} is {:?}, not {expected:?}", now()))
}

#[tokio::test]
async fn one_agent_writes_the_conditions_of_all_beside_those_of_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::start(folder.path()).await?;
    let mut decoys = policy("decoys", "/run/token", "containerExec", &json!({ "namespaces": ["a"] }));
    let koneys = json!({ "type": "PolicyValid", "status": "True", "reason": "TrapsSpecValid", "message": "1/1 traps are valid",
        "lastTransitionTime": "2026-01-02T03:04:05Z" });
    decoys["status"] = json!({ "conditions": [koneys] });
    cluster.apply(decoys);
    cluster.apply(sink("prod"));
    let (a, b) = (Said::default(), Said::default());
    a.say(report(5, 0, None));
    b.say(report(7, 0, Some("answer 401 Unauthorized")));
    let agents = [agent(&folder, "a", &a).await?, agent(&folder, "b", &b).await?];

    let armed = ("DeceptionPolicy", "decoys", "TrapsArmed");
    becomes(&cluster, armed, ["True", "TrapsArmed", "12/12 containers on 2 nodes"]).await?;
    let delivering = ("DeceptionAlertSink", "prod", "Delivering");
    becomes(&cluster, delivering, ["False", "AlertsWait", "alerts wait on 1 of 2 nodes; answer 401 Unauthorized"]).await?;
    becomes(&cluster, ("DeceptionAlertSink", "prod", "Ready"), ["True", "Configured", "on 2 nodes"]).await?;
    let events = || cluster.api.store().all("events.k8s.io/v1", "Event");
    let event = until(|| events().pop()).await.context("an event of the sink")?;
    ensure!(event["metadata"]["namespace"] == "koney-system" && event["regarding"]["name"] == "prod", "{event}");
    ensure!((&event["type"], &event["reason"]) == (&json!("Warning"), &json!("AlertsWait")), "{event}");
    b.say(report(7, 2, None));
    becomes(&cluster, armed, ["False", "DecoysMissing", "10/12 containers on 2 nodes; 2 missing"]).await?;
    becomes(&cluster, delivering, ["True", "Delivered", "no alert waits"]).await?;

    let object = cluster.api.store().get(CRD, "DeceptionAlertSink", "prod").context("it is there")?;
    ensure!(object["status"]["receiver"] == "dynatrace", "whoever lists sinks sees what they are: {object}");
    until(|| (events().len() == 2).then_some(())).await.context("that alerts go again is an event too")?;
    let object = cluster.api.store().get(CRD, "DeceptionPolicy", "decoys").context("it is there")?;
    ensure!(object["status"]["conditions"][0] == koneys, "Koney's own condition is untouched: {object}");
    let leases: Vec<_> = ["koney-leader", "koney-node.a", "koney-node.b"]
        .into_iter()
        .filter_map(|name| cluster.api.store().get(LEASES, "Lease", name))
        .collect();
    ensure!(leases.len() == 3, "{leases:?}");
    ensure!(!leases.iter().any(|lease| lease.to_string().contains("/run/token")), "a report gives a decoy away: {leases:?}");
    let holder = leases[0]["spec"]["holderIdentity"].as_str().context("somebody leads")?.to_owned();
    tokio::time::sleep(Duration::from_secs(11)).await;
    let later = cluster.api.store().get(LEASES, "Lease", "koney-leader").context("it is there")?;
    ensure!(later["spec"]["holderIdentity"] == holder.as_str(), "whoever leads goes on leading: {later}");
    agents.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

#[tokio::test]
async fn a_definition_without_a_status_is_left_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::start(folder.path()).await?;
    cluster.api.without_status("deceptionalertsinks");
    cluster.apply(policy("decoys", "/run/token", "containerExec", &json!({ "namespaces": ["a"] })));
    cluster.apply(sink("prod"));
    let said = Said::default();
    said.say(report(1, 0, None));
    let agent = agent(&folder, "a", &said).await?;
    becomes(&cluster, ("DeceptionPolicy", "decoys", "TrapsArmed"), ["True", "TrapsArmed", "1/1 containers on 1 node"]).await?;
    let lease = until(|| cluster.api.store().get(LEASES, "Lease", "koney-node.a")).await?;
    let report = lease.pointer("/metadata/annotations/koney~1report").and_then(Value::as_str).context("a report")?;
    ensure!(report.contains(r#""prod":{"ready":true"#), "{report}");
    ensure!(condition(&cluster, "DeceptionAlertSink", "prod", "Ready").is_none());
    agent.abort();
    Ok(())
}
