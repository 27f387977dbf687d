//! A node that containers live on, with or without an agent.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Cluster, Pod, policy};
use crate::{
    agent::{self, Agent},
    container::{Container, Image, Images, Setup},
};

/// The decoy of the node's images.
pub const DECOY: &str = "/run/secrets/koney/service_token";

/// What selects the pods with the label `app` = `web` (`resources` of `match.any`).
#[must_use]
pub fn selected() -> Value {
    json!({ "selector": { "matchLabels": { "app": "web" } } })
}

/// A node without an agent.
pub struct Node {
    folder: TempDir,
    /// API server and kubelet.
    pub cluster: Cluster,
    /// What its containers are made of.
    pub images: Images,
}

impl Node {
    /// Starts the cluster.
    pub async fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("koney-node-").tempdir().context("a folder")?;
        let cluster = Cluster::start(&folder.path().join("cluster")).await?;
        Ok(Self { cluster, images: Images::new()?, folder })
    }

    /// An image with the decoy in it.
    pub fn image(&self, name: &str) -> Result<Image> {
        let image = self.images.image(&self.path(name))?;
        image.put(DECOY, "someverysecrettoken\n")?;
        Ok(image)
    }

    /// A path in the node's own folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a container.
    pub async fn container(&self, image: &Image) -> Result<Container> {
        Container::start(&self.path("containers"), &Setup::of(image)).await
    }

    /// Two containers of one image with the decoy in it, and the policy: the pod of the first is selected, its twin's is not.
    pub async fn twins(&self) -> Result<(Container, Container)> {
        let image = self.image("image")?;
        let (web, other) = (self.container(&image).await?, self.container(&image).await?);
        self.pod("web-1", "web", &web);
        self.pod("other-1", "other", &other);
        self.policy(&selected());
        Ok((web, other))
    }

    /// Starts the agent.
    pub fn agent(&self) -> Result<Agent> {
        self.agent_with(&[])
    }

    /// Starts the agent with further arguments.
    pub fn agent_with(&self, arguments: &[&str]) -> Result<Agent> {
        let mut command = Command::new(agent::program()?);
        command.arg("run").args(self.cluster.arguments()?).args(["--pins", "none"]).args(arguments);
        Agent::spawn(command.into())
    }

    /// Tells of a pod with a label `app` and one container.
    pub fn pod(&self, name: &str, label: &str, container: &Container) {
        self.cluster.apply(Pod::new("koney-demo", name).label("app", label).container("main", &container.id).object());
    }

    /// Applies the policy `decoys` for what a filter selects (`resources` of `match.any`).
    pub fn policy(&self, resources: &Value) {
        self.cluster.apply(policy("decoys", DECOY, "containerExec", resources));
    }
}
