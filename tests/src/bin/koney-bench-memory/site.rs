//! Where the agent works: a host with a folder of manifests, or a node of a cluster with containers.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use koney_tests::{
    agent::{Agent, until_within},
    bench::{Arrivals, Connection},
    cluster::{Node, Pod, policy},
    container::{Container, Image},
    manifests,
    stage::Stage,
};
use serde_json::json;

use crate::Options;

const NAMESPACE: &str = "bench";
/// Longest wait for all traps; in an emulated guest it may take minutes.
const PATIENCE: Duration = Duration::from_mins(10);
/// Containers that are started at a time.
const AT_A_TIME: usize = 4;

pub(crate) struct Site {
    place: Place,
    /// What takes the sinks' alerts.
    sinks: Vec<Arrivals>,
}

enum Place {
    Host { stage: Stage, decoys: Vec<String> },
    Node { node: Box<Node>, image: Image, containers: Vec<Inhabited>, started: usize, decoys: usize, traps: usize },
}

/// A container with its pod's name and its share of the traps.
struct Inhabited {
    container: Container,
    pod: String,
    traps: usize,
}

impl Site {
    /// A place without traps and containers.
    pub(crate) async fn new(options: &Options) -> Result<Self> {
        let mut sinks = Vec::new();
        for _ in 0..options.sinks {
            sinks.push(Arrivals::start(Connection::Kept).await?);
        }
        if options.containers == 0 {
            let stage = Stage::new()?;
            for (number, sink) in sinks.iter().enumerate() {
                let sink = sink.sink(&format!("sink-{number}"));
                stage.put(&format!("sink-{number}.yaml"), &format!("{}---\n{}", sink.resource(), sink.secret()))?;
            }
            return Ok(Self { place: Place::Host { stage, decoys: Vec::new() }, sinks });
        }
        let node = Box::new(Node::new().await?);
        let decoys = options.traps.div_ceil(options.containers);
        let image = node.images.image(&node.path("bench-image"))?;
        for number in 0..decoys {
            image.put(&decoy(number), "someverysecrettoken\n")?;
        }
        for (number, sink) in sinks.iter().enumerate() {
            for object in sink.sink(&format!("sink-{number}")).objects()? {
                node.cluster.apply(object);
            }
        }
        let place = Place::Node { node, image, containers: Vec::new(), started: 0, decoys, traps: options.traps };
        Ok(Self { place, sinks })
    }

    /// Puts everything there: decoys, policies, containers and their pods.
    pub(crate) async fn fill(&mut self, options: &Options) -> Result<()> {
        match &mut self.place {
            Place::Host { stage, decoys } => {
                *decoys = (0..options.traps).map(|number| stage.plant(&format!("token-{number}"))).collect::<Result<_>>()?;
                let policies = options.policies.unwrap_or_else(|| options.traps.div_ceil(100)).max(1);
                for (number, chunk) in decoys.chunks(options.traps.div_ceil(policies).max(1)).enumerate() {
                    stage.put(&format!("policy-{number}.yaml"), &manifests::policy_with(&format!("bench-{number}"), chunk))?;
                }
            }
            Place::Node { node, image, containers, started, decoys, traps } => {
                for number in 0..*decoys {
                    let selected = json!({ "selector": { "matchLabels": { label(number): "true" } } });
                    node.cluster.apply(policy(&format!("bench-{number}"), &decoy(number), "containerExec", &selected));
                }
                *started = options.containers;
                let shares = (0..options.containers).map(|number| (number, share(number, options.containers, *traps)));
                let starting = stream::iter(shares).map(|(number, traps)| inhabit(node, image, number, traps));
                *containers = starting.buffer_unordered(AT_A_TIME).try_collect().await?;
            }
        }
        Ok(())
    }

    /// Starts an agent and waits until so many traps are armed; gives how long that took.
    pub(crate) async fn start(&self, options: &Options, traps: usize) -> Result<(Agent, Duration)> {
        // An agent without a past: what another has kept would be read first.
        let state = match &self.place {
            Place::Host { stage, .. } => stage.path("state"),
            Place::Node { node, .. } => node.path("cluster/state"),
        };
        if state.exists() {
            fs::remove_dir_all(&state).with_context(|| format!("remove {}", state.display()))?;
        }
        let arguments = ["--attach", &options.attach];
        let began = Timestamp::now();
        let agent = match &self.place {
            Place::Host { stage, .. } => stage.start_with(&arguments)?,
            Place::Node { node, .. } => node.agent_with(&arguments)?,
        };
        let line = agent.logged_within(&armed(traps), PATIENCE).await?;
        let time = line.split(' ').next().unwrap_or_default();
        let ready: Timestamp = time.parse().with_context(|| format!("a line of the log begins with its time: {line}"))?;
        Ok((agent, Duration::try_from(ready.duration_since(began)).context("the log's clock is this one")?))
    }

    /// Every decoy, as the host reaches it.
    pub(crate) fn decoys(&self) -> Vec<PathBuf> {
        match &self.place {
            Place::Host { decoys, .. } => decoys.iter().map(PathBuf::from).collect(),
            Place::Node { containers, .. } => {
                let paths = containers.iter().flat_map(|inhabited| {
                    let root = inhabited.container.root();
                    (0..inhabited.traps).map(move |number| root.join(decoy(number).trim_start_matches('/')))
                });
                paths.collect()
            }
        }
    }

    /// The receivers forget what they were sent.
    pub(crate) fn forget(&self) {
        self.sinks.iter().for_each(Arrivals::clear);
    }

    /// Ends the container that has lived longest, starts another, and waits until its traps are armed.
    pub(crate) async fn replace(&mut self, agent: &Agent) -> Result<()> {
        let Place::Node { node, image, containers, started, .. } = &mut self.place else {
            bail!("only containers come and go: give --containers");
        };
        let Inhabited { mut container, pod, traps } = containers.remove(0);
        container.end()?;
        node.cluster.api.store().delete("v1", "Pod", NAMESPACE, &pod);
        let new = inhabit(node, image, *started, traps).await?;
        let of_the_new = format!("container=\"{}\"", new.container.id);
        containers.push(new);
        *started += 1;
        // A line after others that were not written says at its end how many.
        let is_armed = |line: &&str| line.contains(&of_the_new) && line.contains("state=armed");
        let all = || (agent.log().lines().filter(is_armed).count() >= traps).then_some(());
        until_within(PATIENCE, all).await.context("the traps of a new container are not armed")
    }
}

async fn inhabit(node: &Node, image: &Image, number: usize, traps: usize) -> Result<Inhabited> {
    let container = node.container(image).await.with_context(|| format!("container {number}"))?;
    let name = format!("bench-{number}");
    let mut pod = Pod::new(NAMESPACE, &name).container("main", &container.id);
    for trap in 0..traps {
        pod = pod.label(&label(trap), "true");
    }
    node.cluster.apply(pod.object());
    Ok(Inhabited { container, pod: name, traps })
}

/// So many of all traps are this container's.
const fn share(number: usize, containers: usize, traps: usize) -> usize {
    traps / containers + if number < traps % containers { 1 } else { 0 }
}

fn decoy(number: usize) -> String {
    format!("/run/secrets/koney/token-{number}")
}

fn label(trap: usize) -> String {
    format!("decoy-{trap}")
}

fn armed(traps: usize) -> String {
    format!("traps armed={traps} traps={traps}")
}
