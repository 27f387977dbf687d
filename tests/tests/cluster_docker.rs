//! Containers of Docker's own engine (E48 of the suite): found by their cgroups' names wherever the engine puts them.

use anyhow::{Result, ensure};
use koney_tests::{
    cluster::{DECOY, Node, Pod, selected},
    container::Docker,
};
use serde_json::{Value, json};

/// Where a kubelet with the cgroupfs driver has the engine put a pod's containers.
const POD: &str = "/kubepods/besteffort/pod0d4e9f5c-1f2f-4a3b-9c4d-5e6f708192a3";

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn dockers_own_containers_alert_with_their_pods_and_ids() -> Result<()> {
    let node = Node::new().await?;
    let docker = Docker::start(&node.path("docker"), DECOY).await?;
    node.policy(&selected());
    let mut expected = Vec::new();
    for (number, parent) in [None, Some(POD)].into_iter().enumerate() {
        for label in ["web", "other"] {
            let id = docker.container(parent).await?;
            let name = format!("{label}-{number}");
            let pod = Pod::new("koney-demo", &name).label("app", label).container_of("docker", "main", &id, &json!([]));
            node.cluster.apply(pod.object());
            expected.push((name, id));
        }
    }
    let agent = node.agent()?;
    agent.logged("traps armed=2 traps=2").await?;
    for (_, id) in &expected {
        docker.exec(id, &["/bin/cat", DECOY]).await?;
    }
    expected.retain(|(name, _)| name.starts_with("web"));
    agent.alerts(expected.len()).await?;
    let end = agent.stop().await?;
    docker.end().await?;
    let told = end.alerts.iter().map(|line| {
        let alert: Value = serde_json::from_str(line)?;
        let text = |pointer: &str| alert.pointer(pointer).and_then(Value::as_str).unwrap_or("null").to_owned();
        Ok((text("/pod/name"), text("/pod/container/id")))
    });
    let told = told.collect::<Result<Vec<_>>>()?;
    ensure!(told == expected, "told {told:?}, not {expected:?}: {}", end.log);
    Ok(())
}
