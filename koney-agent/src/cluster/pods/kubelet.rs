//! The kubelet's own list of pods: what it runs, without a detour by the API server.
//!
//! The token of the agent's service account goes only to a kubelet whose certificate verifies against the cluster's CA, or the file that
//! was named: another process that listens on that port gets nothing. `nodes/pods` (1.32 and newer) or `nodes/proxy` opens `/pods`; koney
//! never asks for `nodes/proxy`, which is exec in every pod.

use std::{fs, io, net::SocketAddr, path::PathBuf, time::Duration};

use reqwest::{Certificate, Client, StatusCode, redirect::Policy};
use thiserror::Error;

use super::listing::Listing;
use crate::causes::chain;

/// Where a pod has its service account (`pkg/serviceaccount`, and the admission plugin that mounts it).
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The kubelet's port for those who prove who they are.
pub const KUBELET_PORT: u16 = 10250;
/// An answer of more bytes than this is none: 500 pods of 100 KiB.
const LONGEST: usize = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// How the kubelet is reached.
#[derive(Clone, Debug)]
pub struct KubeletConfig {
    /// Where it listens; the address must be among the names of its certificate.
    pub address: SocketAddr,
    /// Certificates of those who may sign the kubelet's; the cluster's CA where no file is named.
    pub ca_file: Option<PathBuf>,
    /// Where the token is read from, anew for each request.
    pub token_file: PathBuf,
}

/// Why the kubelet does not tell its pods. Not fatal: the API server is asked instead.
#[derive(Debug, Error)]
pub enum KubeletError {
    /// A file is missing.
    #[error("{0} cannot be read: {1}; name another with --kubelet-ca-file or --kubelet-token-file")]
    File(PathBuf, io::Error),
    /// The file holds no certificate.
    #[error("{0} holds no certificate: {1}; name a file in PEM with --kubelet-ca-file")]
    Certificate(PathBuf, String),
    /// No connection, or one to somebody else.
    #[error(
        "the kubelet cannot be asked: {0}; check its address (--kubelet) and who has signed its certificate (--kubelet-ca-file)"
    )]
    Unreachable(String),
    /// It refuses.
    #[error("the kubelet answers {0}; grant `nodes/pods` (Kubernetes 1.32 or newer)")]
    Refused(StatusCode),
    /// Its answer is no list of pods.
    #[error("the kubelet's answer is no list of pods: {0}; use --pods-from api, and report this with the kubelet's version")]
    Malformed(String),
}

/// A client of one kubelet.
#[derive(Clone, Debug)]
pub struct Kubelet {
    url: String,
    client: Client,
    token_file: PathBuf,
}

impl KubeletConfig {
    /// The kubelet at an address, with the pod's own service account where no token is named.
    #[must_use]
    pub fn at(address: SocketAddr, ca_file: Option<PathBuf>, token_file: Option<PathBuf>) -> Self {
        let token_file = token_file.unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT).join("token"));
        Self { address, ca_file, token_file }
    }
}

impl Kubelet {
    /// A client. Nothing is sent yet.
    pub fn new(config: KubeletConfig) -> Result<Self, KubeletError> {
        let KubeletConfig { address, ca_file, token_file } = config;
        let ca_file = ca_file.unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT).join("ca.crt"));
        let pem = fs::read(&ca_file).map_err(|error| KubeletError::File(ca_file.clone(), error))?;
        let bad = |error: reqwest::Error| KubeletError::Certificate(ca_file.clone(), error.to_string());
        let roots = Certificate::from_pem_bundle(&pem).map_err(bad)?;
        let client = Client::builder()
            .tls_certs_only(roots)
            .https_only(true)
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| KubeletError::Unreachable(chain(&error)))?;
        Ok(Self { url: format!("https://{address}/pods"), client, token_file })
    }

    /// What it runs now.
    pub(super) async fn pods(&self) -> Result<Listing, KubeletError> {
        let token = fs::read_to_string(&self.token_file).map_err(|error| KubeletError::File(self.token_file.clone(), error))?;
        let unreachable = |error: reqwest::Error| KubeletError::Unreachable(chain(&error.without_url()));
        let mut answer = self.client.get(&self.url).bearer_auth(token.trim()).send().await.map_err(unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(KubeletError::Refused(answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                return Err(KubeletError::Malformed(format!("it has more than {LONGEST} bytes")));
            }
        }
        serde_json::from_slice(&body).map_err(|error| KubeletError::Malformed(error.to_string()))
    }
}
