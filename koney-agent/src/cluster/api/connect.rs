//! A client for the API server: the pod's own service account, or a kubeconfig file.

use std::path::Path;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use thiserror::Error;

use crate::causes::chain;

/// There is no way to the API server. Fatal; the operator acts.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The kubeconfig file cannot be used.
    #[error("kubeconfig {path} cannot be used: {cause}; mend it, or name another with --kubeconfig")]
    Kubeconfig {
        /// Which file.
        path: String,
        /// Why.
        cause: String,
    },
    /// This is no pod with a service account.
    #[error(
        "no API server is known here ({0}); run in a pod with a service account, name a kubeconfig file with --kubeconfig, or use \
         --manifests to run without a cluster"
    )]
    NotInCluster(String),
    /// The client cannot be made.
    #[error(
        "no client for the API server: {0}; check the certificates and the address in the kubeconfig or of the service account"
    )]
    Client(String),
}

/// A client. Nothing is sent yet.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    let config = match kubeconfig {
        Some(path) => {
            let failed = |cause: String| ConnectError::Kubeconfig { path: path.display().to_string(), cause };
            let file = Kubeconfig::read_from(path).map_err(|error| failed(chain(&error)))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(|error| failed(chain(&error)))?
        }
        None => Config::incluster().map_err(|error| ConnectError::NotInCluster(chain(&error)))?,
    };
    Client::try_from(config).map_err(|error| ConnectError::Client(chain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let refused = connect(Some(Path::new("/no/such/kubeconfig"))).await.err().expect("no such file").to_string();
        assert!(refused.starts_with("kubeconfig /no/such/kubeconfig cannot be used: "), "{refused}");
        let refused = connect(None).await.err().expect("no pod").to_string();
        assert!(refused.contains("name a kubeconfig file with --kubeconfig"), "{refused}");
    }
}
