//! Policies of every form that Koney documents, all in force at once: each container alerts for the decoys that are its own, for no other,
//! and with its own pod, node and workload.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::until,
    cluster::{NODE, Node, Pod, deployment, replica_set, secret, sink},
    container::{Container, Runtime, Setup, Spawn},
    ingest::Ingest,
};
use serde_json::{Value, json};

const SERVICE_TOKEN: &str = "/run/secrets/koney/service_token";
const CREDENTIALS: &str = "/run/secrets/.aws/credentials";
const TWO: [&str; 2] = ["/tmp/auth_token.json", "/tmp/passwords.txt"];
const MOUNTED: &str = "/run/secrets/api/token";
const NARROW: &str = "/etc/backup.key";
const CRD: &str = "research.dynatrace.com/v1alpha1";

/// A trap as a policy writes it.
fn trap(path: &str, strategy: &str, containers: &str) -> Value {
    json!({
        "filesystemHoneytoken": { "filePath": path, "fileContent": "someverysecrettoken\n", "readOnly": true },
        "match": { "any": [{ "resources": {
            "containerSelector": containers, "selector": { "matchLabels": { "demo.koney/honeytoken": "true" } },
        } }] },
        "decoyDeployment": { "strategy": strategy },
        "captorDeployment": { "strategy": "tetragon" },
    })
}

fn policy(name: &str, traps: &[Value]) -> Value {
    json!({
        "apiVersion": CRD, "kind": "DeceptionPolicy", "metadata": { "name": name },
        "spec": { "strictValidation": true, "mutateExisting": true, "traps": traps },
    })
}

fn policies() -> [Value; 6] {
    [
        policy("service-token", &[trap(SERVICE_TOKEN, "containerExec", "regex:.*")]),
        policy("aws-credentials", &[trap(CREDENTIALS, "containerExec", "glob:*")]),
        policy("two-traps", &TWO.map(|path| trap(path, "containerExec", "regex:.*"))),
        policy("mounted", &[trap(MOUNTED, "volumeMount", "regex:.*")]),
        policy("narrow-regex", &[trap(NARROW, "containerExec", "regex:^fr[a-o]nt$")]),
        policy("narrow-glob", &[trap(NARROW, "containerExec", "glob:back-?")]),
    ]
}

/// What a container of the selected pod is to alert for: policies and paths.
fn expected(container: &str) -> Vec<(&'static str, &'static str)> {
    let everywhere = [
        ("service-token", SERVICE_TOKEN),
        ("aws-credentials", CREDENTIALS),
        ("two-traps", TWO[0]),
        ("two-traps", TWO[1]),
        ("mounted", MOUNTED),
    ];
    let narrow = match container {
        "front" => Some(("narrow-regex", NARROW)),
        "back-1" => Some(("narrow-glob", NARROW)),
        _ => None,
    };
    everywhere.into_iter().chain(narrow).collect()
}

/// A node with every decoy in its image, one of them mounted.
async fn start(node: &Node, volume: &Path) -> Result<Container> {
    let image = node.images.image(&node.path("image"))?;
    for path in [SERVICE_TOKEN, CREDENTIALS, TWO[0], TWO[1], NARROW] {
        image.put(path, "someverysecrettoken\n")?;
    }
    // A Secret's key by subPath is a bind mount of one file.
    Container::start(&node.path("containers"), &Setup::of(&image).volume(volume, MOUNTED)).await
}

/// Reads every decoy, as one process each.
async fn read_all(container: &Container) -> Result<()> {
    for path in [SERVICE_TOKEN, CREDENTIALS, TWO[0], TWO[1], MOUNTED, NARROW] {
        Spawn::program(["cat", path]).inside(container).await?.exit().await?;
    }
    Ok(())
}

/// A sink's event in the words of the table: policy, path, namespace, pod, container, its id, workload, node.
fn told(event: &Value) -> Vec<String> {
    let fields = [
        "koney.deception_policy_name",
        "koney.metadata.file_path",
        "k8s.namespace.name",
        "k8s.pod.name",
        "k8s.container.name",
        "object.id",
        "k8s.workload.kind",
        "k8s.workload.name",
        "k8s.node.name",
    ];
    fields.map(|field| event[field].as_str().unwrap_or("absent").to_owned()).to_vec()
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn policies_of_every_form_alert_for_their_own_containers() -> Result<()> {
    let node = Node::new().await?;
    let (selected, other) = (node.path("secret"), node.path("other-secret"));
    for volume in [&selected, &other] {
        fs::write(volume, "someverysecrettoken\n")?;
    }
    let names = ["front", "back-1", "side"];
    let mut containers = Vec::new();
    for _ in names {
        containers.push(start(&node, &selected).await?);
    }
    let twin = start(&node, &other).await?;
    let labels = json!({ "demo.koney/honeytoken": "true" });
    node.cluster.apply(deployment("koney-demo", "demo", &labels));
    node.cluster.apply(replica_set("koney-demo", "demo-5bcbd78875", "demo"));
    let pod = Pod::new("koney-demo", "demo-5bcbd78875-q7lvx").label("demo.koney/honeytoken", "true");
    let pod = pod.owner("ReplicaSet", "demo-5bcbd78875");
    let pod = names.iter().zip(&containers).fold(pod, |pod, (name, container)| pod.container(name, &container.id));
    node.cluster.apply(pod.object());
    node.pod("twin-1", "twin", &twin);
    let ingest = Ingest::start(&node.path("ingest")).await?;
    node.cluster.apply(secret("prod", &ingest, &ingest.token));
    node.cluster.apply(sink("prod"));
    for policy in policies() {
        node.cluster.apply(policy);
    }

    let expected: BTreeSet<_> = names
        .iter()
        .zip(&containers)
        .flat_map(|(name, container)| {
            let fields =
                ["koney-demo", "demo-5bcbd78875-q7lvx", name, &container.id, "deployment", "demo", NODE].map(str::to_owned);
            expected(name).into_iter().map(move |(policy, path)| {
                [policy.to_owned(), path.to_owned()].into_iter().chain(fields.clone()).collect::<Vec<_>>()
            })
        })
        .collect();
    let agent = node.agent()?;
    agent.logged(&format!("traps armed={0} traps={0}", expected.len())).await?;
    for container in containers.iter().chain([&twin]) {
        read_all(container).await?;
    }
    let events = || ingest.events().ok().filter(|events| events.len() >= expected.len());
    let complete = until(events).await.with_context(|| format!("not all was told; {}", agent.log()));
    let end = agent.stop().await?;
    complete?;
    let events: Vec<_> = ingest.events()?.iter().map(told).collect();
    assert_eq!(events.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!((events.len(), end.alerts.len()), (expected.len(), expected.len()), "each once");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn the_first_act_of_a_hundred_containers_is_told_a_hundred_times() -> Result<()> {
    const CONTAINERS: usize = 100;
    let node = Node::new().await?;
    let image = node.images.image(&node.path("image"))?;
    image.put(SERVICE_TOKEN, "someverysecrettoken\n")?;
    node.cluster.apply(policy("service-token", &[trap(SERVICE_TOKEN, "containerExec", "")]));
    let agent = node.agent()?;
    agent.logged("traps armed=0 traps=0").await?;
    let first = vec!["/bin/cat".to_owned(), SERVICE_TOKEN.to_owned()];
    let setup = Setup { runtime: Runtime::Crun, first, ..Setup::of(&image) };
    let mut expected = BTreeSet::new();
    for number in 0..CONTAINERS {
        // Its pod is told of when it has ended already, as a kubelet tells of what the runtime has told.
        let id = Container::once(&node.path("containers"), &setup).await?;
        let name = format!("web-{number}");
        node.cluster.apply(Pod::new("koney-demo", &name).label("demo.koney/honeytoken", "true").container("main", &id).object());
        expected.insert((name, id));
        if number % 10 == 0 {
            let id = Container::once(&node.path("containers"), &setup).await?;
            node.cluster.apply(Pod::new("koney-demo", &format!("twin-{number}")).container("main", &id).object());
        }
    }
    let alerts = agent.alerts(CONTAINERS).await?;
    let told = alerts.iter().map(|line| {
        let alert: Value = serde_json::from_str(line)?;
        let text = |pointer: &str| alert.pointer(pointer).and_then(Value::as_str).unwrap_or("null").to_owned();
        Ok((text("/pod/name"), text("/pod/container/id")))
    });
    let told = told.collect::<Result<BTreeSet<_>>>()?;
    let end = agent.stop().await?;
    ensure!(end.alerts.len() == CONTAINERS, "{} alerts: {}", end.alerts.len(), end.log);
    assert_eq!(told, expected);
    Ok(())
}
