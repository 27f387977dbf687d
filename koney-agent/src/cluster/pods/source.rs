//! Whom to ask for this node's pods.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use kube::Client;
use thiserror::Error;
use tracing::{info, warn};

use super::kubelet::{Kubelet, KubeletConfig};

/// What the operator wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The kubelet where it answers, else the API server.
    #[default]
    Auto,
    /// The kubelet and nobody else.
    Kubelet,
    /// The API server, by a watch on the pods of this node.
    Api,
}

/// Nobody can be asked. Fatal; the operator acts.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The word is none of the choices.
    #[error("unknown source of pods `{0}`; expected auto, kubelet or api")]
    Unknown(String),
    /// The kubelet was asked for by name and cannot be asked.
    #[error("no pods from the kubelet: {0}; use --pods-from api, or auto")]
    Kubelet(String),
}

/// How the pods of this node are known.
pub(super) enum Source {
    /// By asking the kubelet, again and again.
    Kubelet(Kubelet),
    /// By a watch.
    Api,
}

/// What the choice depends on.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    pub(super) choice: Choice,
    pub(super) address: Option<SocketAddr>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) token_file: Option<PathBuf>,
}

impl Source {
    /// Chooses, and says what and why.
    pub(super) async fn choose(way: Way, _client: &Client) -> Result<Self, SourceError> {
        if way.choice == Choice::Api {
            return Ok(Self::Api);
        }
        let refused = match way.address {
            None => "the node's address is not known; give it with --kubelet".to_owned(),
            Some(address) => match Kubelet::new(KubeletConfig::at(address, way.ca_file, way.token_file)) {
                Err(error) => error.to_string(),
                Ok(kubelet) => {
                    let Err(error) = kubelet.pods().await else {
                        info!("the kubelet tells this node's pods");
                        return Ok(Self::Kubelet(kubelet));
                    };
                    error.to_string()
                }
            },
        };
        if way.choice == Choice::Kubelet {
            return Err(SourceError::Kubelet(refused));
        }
        warn!(reason = refused, "the kubelet does not tell its pods; the API server is asked, by a watch on this node's pods");
        Ok(Self::Api)
    }
}

impl FromStr for Choice {
    type Err = SourceError;

    fn from_str(word: &str) -> Result<Self, SourceError> {
        match word {
            "auto" => Ok(Self::Auto),
            "kubelet" => Ok(Self::Kubelet),
            "api" => Ok(Self::Api),
            other => Err(SourceError::Unknown(other.to_owned())),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "auto",
            Self::Kubelet => "kubelet",
            Self::Api => "api",
        })
    }
}
