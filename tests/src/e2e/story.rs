//! The story, step by step; each says what has come of it.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::{
    Kubectl,
    manifest::{self, Old},
    objects::{self, DECOY, NAMESPACE, SYSTEM},
};
use crate::ingest::Ingest;

/// Longest wait for an alert.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long nothing must come where nothing is expected.
const SILENCE: Duration = Duration::from_secs(8);
/// Selects the agents.
const AGENTS: &str = "app.kubernetes.io/name=koney-agent";
/// The ids of containers that run.
const RUNNING: &str = "jsonpath={.items[*].status.containerStatuses[?(@.state.running)].containerID}";
/// Whether they are ready.
const READY: &str = "jsonpath={.items[*].status.containerStatuses[*].ready}";

/// What the story is told with.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The cluster.
    pub kubeconfig: PathBuf,
    /// What is installed, exactly as it is shipped.
    pub manifest: PathBuf,
    /// What the workloads run: an image with `sleep` and `sh`.
    pub image: String,
    /// This machine's address for the cluster's pods: the sink listens there.
    pub address: IpAddr,
    /// The server is older than those that are supported.
    pub old: bool,
    /// How the agents see accesses, as their alerts say.
    pub detector: Option<String>,
    /// The node's own root, where it can be looked at from here.
    pub root: Option<PathBuf>,
    /// A command that restarts the node, and returns once it has gone down.
    pub restart_node: Option<String>,
    /// What installs and uninstalls a chart, and the chart.
    pub helm: Option<(PathBuf, PathBuf)>,
}

/// What has come of it.
#[derive(Debug)]
pub struct Told {
    /// Steps that hold.
    pub passed: usize,
    /// Steps that this cluster cannot have.
    pub skipped: usize,
    /// What has ended it early.
    pub ended: Result<()>,
}

struct Scene {
    plot: Plot,
    kubectl: Kubectl,
    ingest: Ingest,
    steps: usize,
    skipped: usize,
}

/// Tells it.
pub async fn tell(plot: Plot, folder: &Path) -> Result<Told> {
    let ingest = Ingest::start_at(folder, plot.address).await?;
    let mut scene = Scene { kubectl: Kubectl::new(plot.kubeconfig.clone()), plot, ingest, steps: 0, skipped: 0 };
    let told = scene.acts().await;
    if told.is_err() {
        scene.explain().await;
    }
    Ok(Told { passed: scene.steps, skipped: scene.skipped, ended: told })
}

impl Scene {
    async fn acts(&mut self) -> Result<()> {
        let before = self.everything().await?;
        self.install().await?;
        self.workloads().await?;
        self.watched().await?;
        self.rotation().await?;
        self.restart().await?;
        self.restart_node().await?;
        self.uninstall(&before).await?;
        self.helm(&before).await
    }

    async fn install(&mut self) -> Result<()> {
        if self.plot.old {
            self.install_on_old().await?;
        } else {
            let manifest = self.plot.manifest.display().to_string();
            self.kubectl.run(&["apply", "-f", &manifest]).await?;
        }
        self.ready().await?;
        self.done("the agents are ready")
    }

    /// Leaves out what the server would refuse, and sees that it drops nothing but what is known.
    async fn install_on_old(&self) -> Result<()> {
        let old = Old::read()?;
        for mut object in manifest::objects(&self.plot.manifest)? {
            old.apply(&mut object);
            self.kubectl.apply(&object).await?;
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (kind, name) = (text("/kind"), text("/metadata/name"));
            let kept = self.kubectl.run(&["-n", SYSTEM, "get", &kind, &name, "-o", "json"]).await?;
            old.check(&object, &serde_json::from_str(&kept)?)?;
        }
        Ok(())
    }

    /// Every node has an agent, and every agent has taken all its steps.
    async fn ready(&self) -> Result<()> {
        let status = ["get", "daemonset", "-n", SYSTEM, "-l", AGENTS, "-o", "jsonpath={.items[*].status}"];
        let ready = |printed: &str| {
            let status: Value = serde_json::from_str(printed).unwrap_or_default();
            let count = |field: &str| status[field].as_u64().unwrap_or(0);
            count("desiredNumberScheduled") > 0
                && count("numberReady") == count("desiredNumberScheduled")
                && count("updatedNumberScheduled") == count("desiredNumberScheduled")
        };
        self.kubectl.until("the agents do not become ready", &status, ready).await.map(drop)
    }

    async fn workloads(&mut self) -> Result<()> {
        self.kubectl.apply(&objects::namespace()).await?;
        for (name, selected) in [("web", true), ("twin", false)] {
            self.kubectl.apply(&objects::workload(name, &self.plot.image, selected)).await?;
        }
        for name in ["web", "twin"] {
            let deployment = format!("deployment/{name}");
            self.kubectl.run(&["-n", NAMESPACE, "rollout", "status", &deployment, "--timeout=180s"]).await?;
            // A decoy is planted before its policy: nothing of that is an access.
            self.plant(name).await?;
        }
        self.done("two workloads run, with a decoy each")
    }

    async fn watched(&mut self) -> Result<()> {
        self.kubectl.apply(&objects::secret(&self.ingest)).await?;
        self.kubectl.apply(&objects::sink()).await?;
        self.kubectl.apply(&objects::policy()).await?;
        self.armed(1).await?;
        self.done("the trap of the selected workload is armed, and no other")?;
        self.read("twin").await?;
        sleep(SILENCE).await;
        ensure!(self.ingest.events()?.is_empty(), "the other workload's decoy is no trap: {:?}", self.ingest.events()?);
        self.done("the same file in the other workload is nobody's business")?;
        self.read("web").await?;
        let event = self.event(1).await?;
        self.check(&event).await?;
        self.done("an access is a Dynatrace event that names process, container, pod, workload and node")?;
        self.condition("deceptionpolicy", "TrapsArmed", "True 1/1 containers on 1 node").await?;
        self.condition("deceptionalertsink", "Delivering", "True no alert waits").await?;
        self.done("policy and sink say so in their conditions")
    }

    async fn rotation(&mut self) -> Result<()> {
        self.ingest.rotate();
        let attempts = self.ingest.attempts().len();
        self.read("web").await?;
        self.until("the old token is refused", || self.ingest.attempts().len() > attempts).await?;
        self.condition("deceptionalertsink", "Delivering", "False alerts wait on 1 of ").await?;
        self.kubectl.apply(&objects::secret(&self.ingest)).await?;
        self.event(2).await?;
        self.done("a rotated token is in force at once, and the alert in between is not lost")
    }

    async fn restart(&mut self) -> Result<()> {
        self.kubectl.run(&["-n", SYSTEM, "delete", "pod", "-l", AGENTS, "--wait=true", "--timeout=120s"]).await?;
        self.ready().await?;
        self.armed(1).await?;
        self.read("web").await?;
        self.event(3).await?;
        self.done("new agents go on where the old ones stopped")
    }

    /// Every container is a new one then, and what was written into the old ones is gone.
    async fn restart_node(&mut self) -> Result<()> {
        let Some(restart) = self.plot.restart_node.clone() else {
            self.skipped += 1;
            return say("skipped: the node is not restarted: no --restart-node says how");
        };
        let before = self.agents().await?;
        let status = Command::new("sh").args(["-c", &restart]).status().await.context("cannot start a shell")?;
        ensure!(status.success(), "{restart:?} has failed: {status}");
        let words = ["get", "pods", "-n", SYSTEM, "-l", AGENTS, "-o", RUNNING];
        let new = |now: &str| !now.is_empty() && now.split_whitespace().all(|agent| !before.contains(agent));
        self.kubectl.until("the agents' containers are not started anew", &words, new).await?;
        self.ready().await?;
        let words = ["get", "pods", "-n", NAMESPACE, "-l", "app=web", "-o", READY];
        self.kubectl.until("the workload does not come back", &words, |ready| ready == "true").await?;
        self.plant("web").await?;
        self.armed(1).await?;
        // Who plants a decoy anew where its policy is in force may be told of, as anybody would.
        let told = self.ingest.events()?.len();
        self.read("web").await?;
        self.until("the event does not come", || self.ingest.events().is_ok_and(|events| events.len() > told)).await?;
        let event = self.ingest.events()?.pop().context("there is one")?;
        self.check(&event).await?;
        self.done("a node that restarts keeps watch again, over containers that are new")
    }

    async fn uninstall(&mut self, before: &BTreeSet<String>) -> Result<()> {
        self.kubectl.run(&["delete", "namespace", NAMESPACE, "--timeout=180s"]).await?;
        let manifest = self.plot.manifest.display().to_string();
        self.kubectl.run(&["delete", "--ignore-not-found", "--timeout=180s", "-f", &manifest]).await?;
        self.nothing_left(before).await?;
        self.done("nothing is left behind in the cluster, nor on the node")
    }

    /// The same by Helm.
    async fn helm(&mut self, before: &BTreeSet<String>) -> Result<()> {
        let Some((client, chart)) = self.plot.helm.clone() else { return Ok(()) };
        let folder = tempfile::tempdir().context("a folder for a chart")?;
        // A server that is too old for the chart gets what it renders to, without what that server refuses.
        let chart = if self.plot.old { manifest::chart(&self.plot.manifest, folder.path())? } else { chart };
        let run = async |words: &[&OsStr]| -> Result<()> {
            let mut helm = Command::new(&client);
            let said = helm.args(words).env("KUBECONFIG", &self.plot.kubeconfig).output().await.context("cannot start Helm")?;
            ensure!(said.status.success(), "Helm says: {}", String::from_utf8_lossy(&said.stderr).trim());
            Ok(())
        };
        run(&["install".as_ref(), chart.as_ref(), SYSTEM.as_ref()]).await?;
        self.ready().await?;
        run(&["uninstall".as_ref(), SYSTEM.as_ref()]).await?;
        // What agents have made themselves goes with their DaemonSet.
        let words = ["get", "leases,pods,secrets", "-n", SYSTEM, "-o", "name"];
        let gone = |left: &str| !left.lines().any(|name| name.contains("koney"));
        self.kubectl.until("the agents have left something in their namespace", &words, gone).await?;
        // Helm leaves the namespace that it was told to make.
        self.kubectl.run(&["delete", "namespace", SYSTEM, "--timeout=180s"]).await?;
        self.nothing_left(before).await?;
        self.done("Helm installs and uninstalls it, and nothing is left behind")
    }

    async fn nothing_left(&self, before: &BTreeSet<String>) -> Result<()> {
        let left: Vec<_> = self.everything().await?.difference(before).cloned().collect();
        ensure!(left.is_empty(), "left behind in the cluster: {left:?}");
        if let Some(root) = &self.plot.root {
            for path in ["sys/fs/bpf/koney", "var/lib/koney"] {
                ensure!(!root.join(path).exists(), "/{path} is left behind on the node");
            }
        }
        Ok(())
    }

    /// The ids of their containers that run.
    async fn agents(&self) -> Result<BTreeSet<String>> {
        let said = self.kubectl.run(&["get", "pods", "-n", SYSTEM, "-l", AGENTS, "-o", RUNNING]).await?;
        Ok(said.split_whitespace().map(str::to_owned).collect())
    }

    /// Names of all objects that installing may make.
    async fn everything(&self) -> Result<BTreeSet<String>> {
        let kinds = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,priorityclasses";
        let named = self.kubectl.run(&["get", kinds, "-o", "name"]).await?;
        Ok(named.lines().map(str::to_owned).collect())
    }

    /// Opens the decoy, and stays the same long enough for whoever asks afterwards who it was.
    async fn read(&self, workload: &str) -> Result<()> {
        self.inside(workload, &format!("read token < {DECOY}; sleep 2; true")).await
    }

    async fn plant(&self, workload: &str) -> Result<()> {
        let folder = DECOY.rsplit_once('/').map_or("/", |(folder, _)| folder);
        self.inside(workload, &format!("mkdir -p {folder}; echo someverysecrettoken > {DECOY}")).await
    }

    async fn inside(&self, workload: &str, script: &str) -> Result<()> {
        let target = format!("deployment/{workload}");
        self.kubectl.run(&["-n", NAMESPACE, "exec", &target, "--", "sh", "-c", script]).await.map(drop)
    }

    /// The agents say that so many traps are armed.
    async fn armed(&self, traps: usize) -> Result<()> {
        let words = ["-n", SYSTEM, "logs", "-l", AGENTS, "-c", "alerts", "--tail=-1"];
        let line = format!("traps armed={traps} traps={traps}");
        self.kubectl.until("the trap is not armed", &words, |log| log.contains(&line)).await.map(drop)
    }

    /// A condition says this, or begins with it.
    async fn condition(&self, kind: &str, condition: &str, expected: &str) -> Result<()> {
        let path = format!("jsonpath={{range .status.conditions[?(@.type=='{condition}')]}}{{.status}} {{.message}}{{end}}");
        let words = ["-n", SYSTEM, "get", kind, "koney-e2e", "-o", &path];
        let what = format!("{kind} koney-e2e does not say that {condition} is {expected}");
        self.kubectl.until(&what, &words, |said| said.starts_with(expected)).await.map(drop)
    }

    async fn event(&self, count: usize) -> Result<Value> {
        self.until("the event does not come", || self.ingest.events().is_ok_and(|events| events.len() >= count)).await?;
        let mut events = self.ingest.events()?;
        ensure!(events.len() == count, "expected {count} events, got {}: {events:?}", events.len());
        events.pop().context("there is one")
    }

    async fn check(&self, event: &Value) -> Result<()> {
        let pods = self.kubectl.run(&["-n", NAMESPACE, "get", "pods", "-l", "app=web", "-o", "json"]).await?;
        let pods: Value = serde_json::from_str(&pods)?;
        let pod = &pods["items"][0];
        let id = pod["status"]["containerStatuses"][0]["containerID"].as_str().unwrap_or_default();
        let id = id.rsplit_once("://").map_or(id, |(_, id)| id);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut expected = vec![
            ("koney.metadata.file_path", DECOY.to_owned()),
            ("k8s.namespace.name", NAMESPACE.to_owned()),
            ("k8s.pod.name", text(&pod["metadata"]["name"])),
            ("k8s.container.name", "main".to_owned()),
            ("object.id", id.to_owned()),
            ("k8s.node.name", text(&pod["spec"]["nodeName"])),
            ("k8s.workload.kind", "deployment".to_owned()),
            ("k8s.workload.name", "web".to_owned()),
        ];
        expected.extend(self.plot.detector.clone().map(|detector| ("koney.detector", detector)));
        for (field, expected) in expected {
            ensure!(event[field] == expected.as_str(), "{field} is {}, not {expected:?}: {event}", event[field]);
        }
        let arguments = event["process.executable.arguments"].as_str().unwrap_or_default();
        ensure!(arguments.contains(DECOY), "the process is not the one that read: {event}");
        Ok(())
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) -> Result<()> {
        let started = Instant::now();
        while !condition() {
            if started.elapsed() > PATIENCE {
                bail!("{what}; the sink was asked {} times", self.ingest.attempts().len());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    fn done(&mut self, what: &str) -> Result<()> {
        self.steps += 1;
        say(&format!("ok: {what}"))
    }

    /// What a person would look at first.
    async fn explain(&self) {
        for words in [
            ["-n", SYSTEM, "describe", "pods", "-l", AGENTS].as_slice(),
            &["-n", SYSTEM, "logs", "-l", AGENTS, "-c", "alerts", "--tail=60"],
            &["-n", NAMESPACE, "get", "pods", "-o", "wide"],
        ] {
            let said = self.kubectl.run(words).await.unwrap_or_else(|error| format!("{error:#}"));
            writeln!(io::stderr(), "$ kubectl {}\n{said}", words.join(" ")).ok();
        }
    }
}

fn say(what: &str) -> Result<()> {
    writeln!(io::stdout(), "{what}").context("say what is done")
}
