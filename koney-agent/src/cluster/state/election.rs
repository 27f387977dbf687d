//! One agent of all: who holds the Lease and renews it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Api, Client, Error, api::PostParams};
use serde_json::json;
use tokio::time::Instant;

use super::leases::now;

/// The Lease.
const NAME: &str = "koney-leader";
/// Whoever has not renewed it for so long holds it no more.
const TERM: Duration = Duration::from_secs(40);

/// A candidate.
pub(super) struct Election {
    api: Api<Lease>,
    /// No two candidates share it.
    own: String,
    owner: Option<OwnerReference>,
    /// What the Lease said last, and since when it has said so, by this agent's own clock.
    seen: Option<(Option<String>, Option<Timestamp>, Instant)>,
}

impl Election {
    pub(super) fn new(client: Client, namespace: &str, own: String, owner: Option<OwnerReference>) -> Self {
        Self { api: Api::namespaced(client, namespace), own, owner, seen: None }
    }

    /// Renews the Lease, or takes it where nobody holds it; whether this agent leads now.
    pub(super) async fn stand(&mut self) -> Result<bool, Error> {
        match self.attempt().await {
            // Another one was faster.
            Err(Error::Api(status)) if status.code == 409 => Ok(false),
            other => other,
        }
    }

    async fn attempt(&mut self) -> Result<bool, Error> {
        let Some(mut lease) = self.api.get_opt(NAME).await? else {
            self.api.create(&PostParams::default(), &self.lease()?).await?;
            return Ok(true);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let said = (spec.holder_identity.clone(), spec.renew_time.as_ref().map(|time| time.0));
        let since = match &self.seen {
            Some((holder, renewed, since)) if (holder, renewed) == (&said.0, &said.1) => *since,
            _ => Instant::now(),
        };
        self.seen = Some((said.0.clone(), said.1, since));
        let held = said.0.as_deref().is_some_and(|holder| !holder.is_empty() && holder != self.own);
        if held && since.elapsed() < TERM {
            return Ok(false);
        }
        // With the version that was read: of two that find it free, one is refused.
        lease.spec = self.lease()?.spec;
        self.api.replace(NAME, &PostParams::default(), &lease).await?;
        Ok(true)
    }

    fn lease(&self) -> Result<Lease, Error> {
        let mut metadata = json!({ "name": NAME, "labels": { "app.kubernetes.io/name": super::leases::MANAGER } });
        if let Some(owner) = &self.owner {
            metadata["ownerReferences"] = json!([owner]);
        }
        let spec = json!({ "holderIdentity": self.own, "leaseDurationSeconds": TERM.as_secs(), "renewTime": now() });
        serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).map_err(Error::SerdeError)
    }
}
