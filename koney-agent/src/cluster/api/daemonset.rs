//! Whether the agent's own DaemonSet is still there: an agent that is told to stop without one is not to come back.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::{
    api::{apps::v1::DaemonSet, core::v1::Namespace},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{Api, Client, Error, Resource};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tracing::debug;

/// The longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The DaemonSet that the agent is one of, and its namespace, with which it would go.
pub struct OwnDaemonSet {
    daemonsets: Api<DaemonSet>,
    namespaces: Api<Namespace>,
    namespace: String,
    name: String,
    /// The API server has told of it before: a refusal afterwards means that the agent's rights have been taken away.
    allowed: bool,
    reference: Option<OwnerReference>,
}

/// What is known of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    There,
    Gone,
    Refused,
    Unknown,
}

impl OwnDaemonSet {
    /// Asks for it, to know what a refusal means later.
    pub async fn look_up(client: Client, namespace: &str, name: String) -> Self {
        let (daemonsets, namespaces) = (Api::namespaced(client.clone(), namespace), Api::all(client));
        let (answer, found) = ask(&daemonsets, &name).await;
        let reference = found.and_then(|found: DaemonSet| found.owner_ref(&()));
        Self { daemonsets, namespaces, namespace: namespace.to_owned(), name, allowed: answer == Answer::There, reference }
    }

    /// What is to go with it refers to it so.
    #[must_use]
    pub fn reference(&self) -> Option<OwnerReference> {
        self.reference.clone()
    }

    /// It is gone, or about to go: removed with the rights that its agents had, or before them.
    pub async fn is_gone(&self) -> bool {
        match ask(&self.daemonsets, &self.name).await.0 {
            Answer::Gone => true,
            Answer::Refused => self.allowed,
            Answer::Unknown => false,
            // Of a namespace that goes, pods may be the first.
            Answer::There => ask(&self.namespaces, &self.namespace).await.0 == Answer::Gone,
        }
    }
}

async fn ask<K>(api: &Api<K>, name: &str) -> (Answer, Option<K>)
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    let answer = match timeout(PATIENCE, api.get_opt(name)).await {
        Ok(Ok(Some(found))) if found.meta().deletion_timestamp.is_none() => return (Answer::There, Some(found)),
        Ok(Ok(_)) => Answer::Gone,
        // 401: the service account is gone too.
        Ok(Err(Error::Api(status))) if matches!(status.code, 401 | 403) => Answer::Refused,
        Ok(Err(error)) => {
            debug!(%error, name, "whether it is still there is not known");
            Answer::Unknown
        }
        Err(_elapsed) => Answer::Unknown,
    };
    debug!(?answer, name, "whether it is still there");
    (answer, None)
}
