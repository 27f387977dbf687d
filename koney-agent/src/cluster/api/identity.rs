//! Which cluster this is: the uid of the namespace `kube-system`, which is made with the cluster and goes with it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Error};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

const NAMESPACE: &str = "kube-system";
/// The longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two questions, the first and the longest.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// The uid of the cluster, once somebody has told it.
pub type ClusterUid = Arc<OnceLock<String>>;

/// Asks until it is told. Never ends: the agent is whole without it, and a right that is missing may be given later.
pub async fn learn_uid(client: Client, uid: ClusterUid) {
    let namespaces: Api<Namespace> = Api::all(client);
    let mut pause = PAUSE;
    loop {
        match timeout(PATIENCE, namespaces.get_metadata(NAMESPACE)).await {
            Ok(Ok(namespace)) => {
                if let Some(found) = namespace.metadata.uid {
                    debug!(uid = found, "the cluster is known");
                    // Nobody else tells it.
                    let _first = uid.set(found);
                }
                return std::future::pending().await;
            }
            Ok(Err(Error::Api(status))) if pause == PAUSE && matches!(status.code, 401 | 403 | 404) => {
                info!(
                    status = status.code,
                    "alerts do not name the cluster's uid: the agent may not `get` the namespace {NAMESPACE}; the chart's ClusterRole \
                     allows it"
                );
            }
            Ok(Err(error)) => debug!(%error, "the cluster's uid is not known yet"),
            Err(_elapsed) => debug!("the API server does not tell the cluster's uid in time"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
