//! Leases: one for each agent, with its report.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, Error,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::debug;

use super::report::NodeReport;

/// By whom fields are written.
pub(super) const MANAGER: &str = "koney-agent";
/// Between two renewals of a report that has not changed.
pub(super) const RENEWAL: Duration = Duration::from_secs(30);
/// An agent that has not renewed its report for so long is silent.
const SILENCE: Duration = Duration::from_secs(90);
/// One that has not for so long is none any more: its node was removed.
const GONE: Duration = Duration::from_mins(15);
/// Which Leases are agents'.
const LABEL: (&str, &str) = ("koney/part", "node");
const ANNOTATION: &str = "koney/report";
/// A report of more bytes is none of ours.
const LONGEST: usize = 256 << 10;

/// The agents' Leases.
pub(super) struct Leases {
    api: Api<Lease>,
    own: String,
    node: String,
    /// With the `DaemonSet` the Leases go too.
    owner: Option<OwnerReference>,
    /// When each Lease was seen to change last, by this agent's own clock.
    seen: HashMap<String, (Option<Timestamp>, Instant)>,
}

impl Leases {
    pub(super) fn new(client: Client, namespace: &str, node: &str, owner: Option<OwnerReference>) -> Self {
        let own = format!("koney-node.{node}");
        Self { api: Api::namespaced(client, namespace), own, node: node.to_owned(), owner, seen: HashMap::new() }
    }

    /// Renews the own one.
    pub(super) async fn renew(&self, report: &NodeReport) -> Result<(), Error> {
        let lease = self.object(report).map_err(Error::SerdeError)?;
        self.api.patch(&self.own, &PatchParams::apply(MANAGER).force(), &Patch::Apply(lease)).await.map(drop)
    }

    fn object(&self, report: &NodeReport) -> Result<Value, serde_json::Error> {
        let mut metadata = json!({
            "name": self.own,
            "labels": { "app.kubernetes.io/name": MANAGER, LABEL.0: LABEL.1 },
            "annotations": { ANNOTATION: serde_json::to_string(report)? },
        });
        if let Some(owner) = &self.owner {
            metadata["ownerReferences"] = json!([owner]);
        }
        let spec = json!({
            "holderIdentity": self.node, "leaseDurationSeconds": SILENCE.as_secs(), "renewTime": now(),
        });
        Ok(json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec }))
    }

    /// The reports of the agents that live, and how many are silent.
    pub(super) async fn reports(&mut self) -> Result<(Vec<NodeReport>, usize), Error> {
        let leases = self.api.list(&ListParams::default().labels(&format!("{}={}", LABEL.0, LABEL.1))).await?;
        let now = Instant::now();
        let (mut reports, mut silent, mut gone) = (Vec::new(), 0, Vec::new());
        let mut seen = HashMap::new();
        for lease in leases {
            let Some(name) = lease.metadata.name.clone() else { continue };
            let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0);
            // By what is seen to change: nobody's clock is asked.
            let since = match self.seen.get(&name) {
                Some((before, since)) if *before == renewed => *since,
                _ => now,
            };
            let age = now.duration_since(since);
            match report_of(&lease) {
                Some(report) if age < SILENCE => reports.push(report),
                _ if age < GONE => silent += 1,
                _ => gone.push(name.clone()),
            }
            seen.insert(name, (renewed, since));
        }
        self.seen = seen;
        for name in gone {
            if let Err(error) = self.api.delete(&name, &DeleteParams::default()).await {
                debug!(%error, name, "the report of a node that is gone cannot be removed");
            }
        }
        Ok((reports, silent))
    }
}

fn report_of(lease: &Lease) -> Option<NodeReport> {
    let text = lease.metadata.annotations.as_ref()?.get(ANNOTATION)?;
    serde_json::from_str(text).ok().filter(|_| text.len() <= LONGEST)
}

/// As the API writes times of leases.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
