//! The agent on a node of a cluster: real containers, and doubles of the API server and the kubelet that tell of them.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    cluster::{DECOY, NODE, Node, Pod, deployment, policy, replica_set, selected},
    container::{Container, Setup, Spawn},
    stage::CAT,
};
use serde_json::{Value, json};

const CRD: &str = "research.dynatrace.com/v1alpha1";
/// The agent gives up waiting to hear of a container after this time.
const PATIENCE: Duration = Duration::from_secs(5);

async fn read(container: &Container) -> Result<()> {
    Spawn::program(["cat", DECOY]).inside(container).await?.exit().await.map(drop)
}

/// A copy of a real program under another name, as which it reads a file and ends.
fn read_as(program: &Path, file: &Path) -> Result<()> {
    fs::create_dir_all(program.parent().context("a program lies in a folder")?)?;
    fs::copy(CAT, program).with_context(|| format!("copy to {}", program.display()))?;
    // A process is asked what it runs while it runs: it waits for more on its second file.
    let mut child = Command::new(program).arg(file).arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    std::thread::sleep(Duration::from_secs(2));
    drop(child.stdin.take());
    ensure!(child.wait()?.success(), "{} cannot read {}", program.display(), file.display());
    Ok(())
}

/// Namespace and name of the pod, name and id of the container of an alert.
fn who(line: &str) -> Result<(String, String)> {
    let alert: Value = serde_json::from_str(line).context("an alert is JSON")?;
    let text = |pointer: &str| alert.pointer(pointer).and_then(Value::as_str).unwrap_or("null").to_owned();
    ensure!(text("/node/name") == NODE && text("/deception_policy_name") == "decoys", "{line}");
    ensure!(text("/metadata/file_path") == DECOY, "{line}");
    let container = format!("{}/{}/{}", text("/pod/namespace"), text("/pod/name"), text("/pod/container/name"));
    Ok((container, text("/pod/container/id")))
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn a_selected_container_alerts_and_its_twin_does_not() -> Result<()> {
    let node = Node::new().await?;
    let (web, other) = node.twins().await?;
    let agent = node.agent()?;
    agent.logged("traps armed=1 traps=1").await?;
    read(&other).await?;
    read(&web).await?;
    let lines = agent.alerts(1).await?;
    assert_eq!(who(&lines[0])?, ("koney-demo/web-1/main".to_owned(), web.id.clone()));

    node.pod("web-1", "blue", &web);
    node.pod("other-1", "web", &other);
    agent.logged_times("trap removed", 1).await?;
    agent.logged_times("state=armed", 2).await?;
    read(&web).await?;
    read(&other).await?;
    let lines = agent.alerts(2).await?;
    assert_eq!(who(&lines[1])?, ("koney-demo/other-1/main".to_owned(), other.id.clone()));
    node.cluster.api.store().delete(CRD, "DeceptionPolicy", "", "decoys");
    agent.logged_times("trap removed", 2).await?;
    read(&other).await?;
    let end = agent.stop().await?;
    assert_eq!(end.alerts.len(), 2, "{:#?}\n{}", end.alerts, end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn the_first_act_of_a_container_that_nobody_knows_yet_is_told_with_its_pod() -> Result<()> {
    const TIMES: usize = 8;
    let node = Node::new().await?;
    let image = node.image("image")?;
    node.policy(&selected());
    let agent = node.agent()?;
    agent.logged("the cluster's policies and sinks").await?;
    agent.logged("traps armed=0 traps=0").await?;
    let mut expected = Vec::new();
    for number in 0..TIMES {
        let (web, other) = (node.container(&image).await?, node.container(&image).await?);
        let started = Instant::now();
        read(&web).await?;
        read(&other).await?;
        // Every other one is gone before anyone hears of it.
        let id = web.id.clone();
        let kept = (number % 2 == 0).then_some(web);
        let name = format!("web-{number}");
        node.cluster.apply(Pod::new("koney-demo", &name).label("app", "web").container("main", &id).object());
        node.pod(&format!("other-{number}"), "other", &other);
        agent.alerts(number + 1).await?;
        ensure!(started.elapsed() < PATIENCE, "told after {:?}", started.elapsed());
        expected.push((format!("koney-demo/{name}/main"), id));
        drop(kept);
    }
    let end = agent.stop().await?;
    let told: Vec<_> = end.alerts.iter().map(|line| who(line)).collect::<Result<_>>()?;
    assert_eq!(told, expected, "{}", end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn a_container_that_nobody_ever_tells_of_alerts_without_a_pod() -> Result<()> {
    let node = Node::new().await?;
    let image = node.image("image")?;
    node.policy(&selected());
    let agent = node.agent()?;
    agent.logged("traps armed=0 traps=0").await?;
    let stray = node.container(&image).await?;
    read(&stray).await?;
    let lines = agent.alerts(1).await?;
    assert_eq!(who(&lines[0])?, ("null/null/null".to_owned(), "null".to_owned()));
    agent.stop().await.map(drop)
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn an_access_that_is_held_outlives_the_agent_that_held_it() -> Result<()> {
    let node = Node::new().await?;
    let image = node.image("image")?;
    node.policy(&selected());
    let agent = node.agent_with(&["--log", "debug"])?;
    agent.logged("traps armed=0 traps=0").await?;
    let (web, other) = (node.container(&image).await?, node.container(&image).await?);
    read(&web).await?;
    read(&other).await?;
    // Both wait to be introduced, for five seconds.
    agent.logged("the journal is written").await?;
    let end = agent.kill().await?;
    ensure!(end.alerts.is_empty(), "told before anybody said whose they are: {:?}", end.alerts);
    node.pod("web-1", "web", &web);
    node.pod("other-1", "other", &other);
    let agent = node.agent()?;
    let lines = agent.alerts(1).await?;
    assert_eq!(who(&lines[0])?, ("koney-demo/web-1/main".to_owned(), web.id.clone()));
    let end = agent.stop().await?;
    assert_eq!(end.alerts.len(), 1, "{:#?}\n{}", end.alerts, end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn a_mounted_decoy_is_found_by_the_labels_of_the_deployment() -> Result<()> {
    let node = Node::new().await?;
    let image = node.image("image")?;
    let (web, bare) = (node.container(&image).await?, node.container(&image).await?);
    node.cluster.apply(deployment("koney-demo", "web", &json!({ "tier": "front" })));
    node.cluster.apply(replica_set("koney-demo", "web-7", "web"));
    let pod = |name: &str| Pod::new("koney-demo", name).label("tier", "front");
    node.cluster.apply(pod("web-7-a").owner("ReplicaSet", "web-7").container("main", &web.id).object());
    node.cluster.apply(pod("bare").container("main", &bare.id).object());
    node.cluster.apply(policy("decoys", DECOY, "volumeMount", &json!({ "selector": { "matchLabels": { "tier": "front" } } })));
    let agent = node.agent()?;
    agent.logged("traps armed=1 traps=1").await?;
    read(&bare).await?;
    read(&web).await?;
    let lines = agent.alerts(1).await?;
    assert_eq!(who(&lines[0])?, ("koney-demo/web-7-a/main".to_owned(), web.id.clone()));
    let end = agent.stop().await?;
    assert_eq!(end.alerts.len(), 1, "{:#?}", end.alerts);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn koneys_planting_is_not_told_and_what_only_looks_like_it_is() -> Result<()> {
    let node = Node::new().await?;
    let image = node.images.image(&node.path("image"))?;
    let web = node.container(&image).await?;
    node.pod("web-1", "web", &web);
    node.policy(&selected());
    let agent = node.agent()?;
    agent.logged("state=missing").await?;
    let plant = format!("mkdir -p /run/secrets/koney; echo someverysecrettoken > {DECOY}");
    let write = || Spawn::program(["sh", "-c", plant.as_str()]).inside(&web);
    write().await?.exit().await?;
    read(&web).await?;
    let listed = |content: &str| {
        let created = jiff::Timestamp::now();
        let changes = json!([{ "deceptionPolicyName": "decoys", "traps": [{
            "deploymentStrategy": "containerExec", "containers": ["main"], "createdAt": created.to_string(), "updatedAt": "",
            "filesystemHoneytoken": { "filePath": DECOY, "fileContentHash": content, "readOnly": true },
            "httpEndpoint": {}, "httpPayload": {},
        }] }]);
        let pod = Pod::new("koney-demo", "web-1").label("app", "web").container("main", &web.id);
        node.cluster.apply(pod.annotation("koney/changes", &changes.to_string()).object());
    };
    // MD5 of the policy's `fileContent`.
    listed("68ff0dfb4c591ce88dc362ce2121c6d3");
    agent.logged("Koney has planted a decoy; what it did to it is not told acts=2").await?;
    read(&web).await?;
    agent.alerts(1).await?;
    // From now on it is listed: whoever writes it is told.
    write().await?.exit().await?;
    agent.alerts(2).await?;
    let end = agent.stop().await?;
    let written = end.alerts.iter().map(|line| line.contains("echo someverysecrettoken")).collect::<Vec<_>>();
    assert_eq!(written, [false, true], "{:#?}\n{}", end.alerts, end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn the_kubelet_and_readers_that_are_expected_raise_nothing() -> Result<()> {
    let node = Node::new().await?;
    let image = node.image("image")?;
    let web = node.container(&image).await?;
    node.pod("web-1", "web", &web);
    node.policy(&selected());
    let backup = node.path("backup");
    let agent = node.agent_with(&["--expected-reader", backup.to_str().context("text")?])?;
    agent.logged("traps armed=1 traps=1").await?;
    let decoy = web.root().join(DECOY.trim_start_matches('/'));
    let kubelet = Path::new("/usr/local/bin/kubelet");
    read_as(kubelet, &decoy)?;
    read_as(&backup, &decoy)?;
    agent.logged_times("an expected reader", 2).await?;
    // The name alone is nothing.
    read_as(&node.path("kubelet"), &decoy)?;
    let lines = agent.alerts(1).await?;
    assert_eq!(who(&lines[0])?.0, "koney-demo/web-1/main");
    fs::remove_file(kubelet)?;
    let end = agent.stop().await?;
    assert_eq!(end.alerts.len(), 1, "{:#?}\n{}", end.alerts, end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn pods_that_are_expected_raise_nothing() -> Result<()> {
    let node = Node::new().await?;
    let (image, volume) = (node.images.image(&node.path("image"))?, node.path("volume"));
    fs::create_dir(&volume)?;
    fs::write(volume.join("service_token"), "someverysecrettoken\n")?;
    let setup = Setup::of(&image).volume(&volume, "/run/secrets/koney");
    let start = || async { Container::start(&node.path("containers"), &setup).await };
    let (web, backup, scanner, intruder) = (start().await?, start().await?, start().await?, start().await?);
    node.pod("web-1", "web", &web);
    let pod = |namespace: &str, container: &Container| {
        node.cluster.apply(Pod::new(namespace, "reader").label("app", "reader").container("main", &container.id).object());
    };
    pod("scanner", &scanner);
    let mut policy = policy("decoys", DECOY, "containerExec", &selected());
    policy["metadata"]["annotations"] = json!({ "koney/expected-readers": "scanner/app=reader" });
    node.cluster.apply(policy);
    let agent = node.agent_with(&["--expected-reader", "backup/app=reader"])?;
    agent.logged("traps armed=1 traps=1").await?;
    read(&scanner).await?;
    // The pods of these are told of only after they have read.
    read(&backup).await?;
    read(&intruder).await?;
    pod("backup", &backup);
    pod("elsewhere", &intruder);
    agent.logged("an expected reader; it is logged once for each decoy reader=\"pod backup/reader\"").await?;
    agent.logged("an expected reader; it is logged once for each decoy reader=\"pod scanner/reader\"").await?;
    agent.alerts(1).await?;
    let end = agent.stop().await?;
    assert_eq!(end.alerts.len(), 1, "{:#?}\n{}", end.alerts, end.log);
    assert_eq!(who(&end.alerts[0])?, ("koney-demo/web-1/main".to_owned(), web.id.clone()));
    Ok(())
}

/// How long the API server stays away once it is missed: no time in a test run, minutes where somebody asks for them.
fn outage() -> Result<Duration> {
    let seconds = std::env::var("KONEY_OUTAGE_SECONDS").ok().map(|text| text.parse()).transpose();
    Ok(Duration::from_secs(seconds.context("KONEY_OUTAGE_SECONDS is a number")?.unwrap_or(0)))
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn the_api_server_may_be_away() -> Result<()> {
    let mut node = Node::new().await?;
    let image = node.image("image")?;
    let web = node.container(&image).await?;
    node.pod("web-1", "web", &web);
    node.policy(&selected());
    let agent = node.agent()?;
    agent.logged("traps armed=1 traps=1").await?;
    node.cluster.api.vanish();
    agent.logged("the API server does not tell").await?;
    read(&web).await?;
    agent.alerts(1).await?;
    tokio::time::sleep(outage()?).await;
    // A container that starts meanwhile: the kubelet knows it.
    let second = node.container(&image).await?;
    node.pod("web-2", "web", &second);
    read(&second).await?;
    agent.alerts(2).await?;
    let before = agent.stop().await?;
    // An agent that starts meanwhile knows what the one before it knew.
    let agent = node.agent()?;
    agent.logged("traps armed=2 traps=2").await?;
    read(&web).await?;
    agent.alerts(1).await?;
    node.cluster.api.appear().await?;
    agent.logged("the API server tells again").await?;
    read(&second).await?;
    agent.alerts(2).await?;
    let after = agent.stop().await?;
    let lines = before.alerts.iter().chain(&after.alerts);
    let told: Vec<_> = lines.map(|line| Ok(who(line)?.0)).collect::<Result<_>>()?;
    let expected = ["web-1", "web-2", "web-1", "web-2"].map(|pod| format!("koney-demo/{pod}/main"));
    assert_eq!(told, expected, "{}\n{}", before.log, after.log);
    Ok(())
}
