//! A cluster for one agent: an API server and a kubelet that speak the real protocols, over TLS and with tokens.
//!
//! Doubles, because the programs themselves are in no package: they list, page, watch, bookmark and forget as the published API does
//! (`k8s.io/apiserver`, `pkg/endpoints/handlers`), and fail when they are told to.

mod api;
mod kubelet;
mod node;
mod objects;
mod path;
mod pod;
mod store;
mod watch;
mod write;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

pub use api::ApiServer;
pub use kubelet::KubeletServer;
pub use node::{DECOY, Node, selected};
pub use objects::{deployment, policy, replica_set, secret, sink};
pub use pod::Pod;

/// Name of the one node.
pub const NODE: &str = "node-1";

/// An API server and the kubelet of one node.
pub struct Cluster {
    /// The API server.
    pub api: ApiServer,
    /// The kubelet, which tells the API server's pods of its node.
    pub kubelet: KubeletServer,
    folder: PathBuf,
}

impl Cluster {
    /// Starts both; their certificates and tokens are in `folder`.
    pub async fn start(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).context("make the cluster's folder")?;
        let api = ApiServer::start(folder).await?;
        let kubelet = KubeletServer::start(folder, api.store()).await?;
        Ok(Self { api, kubelet, folder: folder.to_owned() })
    }

    /// What an agent needs to be told.
    pub fn arguments(&self) -> Result<Vec<String>> {
        let text = |name: &str| self.folder.join(name).into_os_string().into_string().ok().context("the folder's name is text");
        let words = [
            ("--kubeconfig", text(api::KUBECONFIG)?),
            ("--kubelet", self.kubelet.address().to_string()),
            ("--kubelet-ca-file", text(kubelet::AUTHORITY)?),
            ("--kubelet-token-file", text(kubelet::TOKEN)?),
            ("--node-name", NODE.to_owned()),
            ("--state", text("state")?),
        ];
        Ok(words.into_iter().flat_map(|(option, value)| [option.to_owned(), value]).collect())
    }

    /// Creates an object, or replaces it.
    pub fn apply(&self, object: Value) {
        self.api.store().apply(object);
    }
}
