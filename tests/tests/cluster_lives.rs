//! What happens to decoys over the lives of pods: init containers, restarts, and the volumes that the kubelet writes.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::until,
    cluster::{DECOY, Node, Pod, selected},
    container::{Container, Setup, Spawn, intruder},
};
use serde_json::Value;

async fn read(container: &Container) -> Result<()> {
    Spawn::act(["read", DECOY]).inside(container).await?.end().await
}

/// Name and id of the container of an alert.
fn container(line: &str) -> Result<(String, String)> {
    let alert: Value = serde_json::from_str(line).context("an alert is JSON")?;
    let text = |pointer: &str| alert.pointer(pointer).and_then(Value::as_str).unwrap_or("null").to_owned();
    Ok((text("/pod/container/name"), text("/pod/container/id")))
}

fn pod() -> Pod {
    Pod::new("koney-demo", "web-1").label("app", "web")
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn init_containers_count_and_a_restart_that_loses_the_decoy_is_told() -> Result<()> {
    let node = Node::new().await?;
    let (with, without) = (node.image("with")?, node.images.image(&node.path("without"))?);
    node.policy(&selected());
    let agent = node.agent()?;
    agent.logged("traps armed=0 traps=0").await?;
    // Before the pod is running, let alone ready.
    let mut init = node.container(&with).await?;
    node.cluster.apply(pod().init("prepare", &init.id).waiting("main").object());
    read(&init).await?;
    assert_eq!(container(&agent.alerts(1).await?[0])?, ("prepare".to_owned(), init.id.clone()));
    init.end()?;
    let mut main = node.container(&with).await?;
    node.cluster.apply(pod().init("prepare", &init.id).container("main", &main.id).object());
    read(&main).await?;
    assert_eq!(container(&agent.alerts(2).await?[1])?, ("main".to_owned(), main.id.clone()));
    // Restarted: another container, whose image has none, as one that was planted by exec is gone with its container.
    main.end()?;
    let restarted = node.container(&without).await?;
    node.cluster.apply(pod().init("prepare", &init.id).container("main", &restarted.id).object());
    agent.logged(&format!("container=\"{}\" policies=\"decoys\" state=missing", restarted.id)).await?;
    // Planted again.
    let planted = restarted.merged().join(DECOY.trim_start_matches('/'));
    fs::create_dir_all(planted.parent().context("it has a folder")?)?;
    fs::write(&planted, "someverysecrettoken\n")?;
    agent.logged(&format!("container=\"{}\" policies=\"decoys\" state=armed", restarted.id)).await?;
    let before = agent.alert_count();
    read(&restarted).await?;
    let told = agent.alerts(before + 1).await?;
    assert_eq!(container(told.last().context("it is told")?)?, ("main".to_owned(), restarted.id.clone()));
    agent.stop().await.map(drop)
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn a_pod_in_a_sandbox_says_that_it_cannot_be_watched() -> Result<()> {
    let node = Node::new().await?;
    let image = node.image("image")?;
    let (plain, absent) = (node.container(&image).await?, "5".repeat(64));
    // A runtime class alone is no sandbox: that of GPUs is not.
    node.cluster.apply(pod().runtime_class("nvidia").container("main", &plain.id).object());
    let sandboxed = Pod::new("koney-demo", "web-2").label("app", "web").runtime_class("gvisor").container("main", &absent);
    node.cluster.apply(sandboxed.object());
    node.policy(&selected());
    let agent = node.agent()?;
    agent.logged(&format!("container=\"{absent}\" policies=\"decoys\" state=unsupported: the pod runs in a sandbox")).await?;
    agent.logged("traps armed=1 traps=1").await?;
    let summed = || {
        let policy = node.cluster.api.store().get("research.dynatrace.com/v1alpha1", "DeceptionPolicy", "decoys")?;
        let condition = policy.pointer("/status/conditions/0")?;
        (condition["message"] == "1/2 containers on 1 node; 1 unsupported").then_some(())
    };
    until(summed).await.context("the policy does not say so")?;
    read(&plain).await?;
    agent.alerts(1).await?;
    let end = agent.stop().await?;
    ensure!(!end.log.contains(&format!("container=\"{}\" policies=\"decoys\" state=unsupported", plain.id)), "{}", end.log);
    Ok(())
}

/// Performs steps as the node's kubelet: one process, whose program is at the kubelet's path, and which stays.
async fn as_kubelet(steps: &[&[&str]]) -> Result<()> {
    let kubelet = Path::new("/usr/local/bin/kubelet");
    fs::create_dir_all("/usr/local/bin")?;
    fs::copy(intruder()?, kubelet).context("copy the program")?;
    let words = steps.join(&"--");
    let mut process = Spawn::program(["/usr/local/bin/kubelet"].iter().chain(&words)).on_host()?;
    process.done().await?;
    // A kubelet is there for whoever asks who it was.
    tokio::time::sleep(Duration::from_secs(3)).await;
    process.end().await?;
    fs::remove_file(kubelet).context("remove the kubelet")
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn a_secret_volume_that_is_rotated_raises_nothing_and_is_a_trap_afterwards() -> Result<()> {
    let node = Node::new().await?;
    let (image, volume) = (node.images.image(&node.path("image"))?, node.path("volume"));
    // As the kubelet's AtomicWriter lays a Secret out: files behind two symbolic links.
    let first = volume.join("..2026_01_01_00_00_00.1");
    fs::create_dir_all(&first)?;
    fs::write(first.join("service_token"), "someverysecrettoken\n")?;
    symlink("..2026_01_01_00_00_00.1", volume.join("..data"))?;
    symlink("..data/service_token", volume.join("service_token"))?;
    let web = Container::start(&node.path("containers"), &Setup::of(&image).volume(&volume, "/run/secrets/koney")).await?;
    node.pod("web-1", "web", &web);
    node.policy(&selected());
    let agent = node.agent()?;
    agent.logged("traps armed=1 traps=1").await?;
    read(&web).await?;
    agent.alerts(1).await?;
    let there = |name: &str| volume.join(name).display().to_string();
    let (old, new) = ("..2026_01_01_00_00_00.1", "..2026_01_02_00_00_00.2");
    let (old_token, new_token) = (there(&format!("{old}/service_token")), there(&format!("{new}/service_token")));
    as_kubelet(&[
        &["mkdir", &there(new)],
        &["create", &new_token],
        &["chmod", &new_token, "0o644"],
        &["symlink", new, &there("..data_tmp")],
        &["rename", &there("..data_tmp"), &there("..data")],
        &["unlink", &old_token],
        &["rmdir", &there(old)],
    ])
    .await?;
    read(&web).await?;
    agent.alerts(2).await?;
    // A runtime that unpacks an image writes files of a decoy's name, elsewhere.
    let unpacked = node.path("unpacked/run/secrets/koney");
    fs::create_dir_all(&unpacked)?;
    fs::write(unpacked.join("service_token"), "someverysecrettoken\n")?;
    fs::read(unpacked.join("service_token"))?;
    let end = agent.stop().await?;
    ensure!(end.alerts.len() == 2, "{:#?}\n{}", end.alerts, end.log);
    Ok(())
}
