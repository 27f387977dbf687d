//! Conditions of policies and sinks: written where they say something else than before, beside those of others.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client, Error, Resource as _,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{
    super::{
        policy::DeceptionPolicy,
        sink::{DeceptionAlertSink, Receiver},
    },
    events::Events,
    leases::MANAGER,
    report::NodeReport,
    summary::{self, Summary},
};

/// Writes them.
pub(super) struct Conditions {
    policies: Kind,
    sinks: Kind,
}

/// The objects of one kind.
struct Kind {
    api: Api<DynamicObject>,
    resource: ApiResource,
    /// What each was last told.
    told: HashMap<String, Vec<Summary>>,
    /// It was said that they have no status.
    lacking: bool,
    /// Where what turns is an event too.
    events: Option<Events>,
}

impl Conditions {
    pub(super) fn new(client: Client, namespace: &str, node: &str) -> Self {
        let policies = ApiResource::erase::<DeceptionPolicy>(&());
        let sinks = ApiResource::erase::<DeceptionAlertSink>(&());
        Self {
            policies: Kind::new(Api::all_with(client.clone(), &policies), policies, None),
            sinks: Kind::new(Api::namespaced_with(client.clone(), namespace, &sinks), sinks, Some(Events::new(client, node))),
        }
    }

    /// Another agent may have written meanwhile.
    pub(super) fn forget(&mut self) {
        self.policies.told.clear();
        self.sinks.told.clear();
    }

    /// Writes what is new.
    pub(super) async fn write(&mut self, reports: &[NodeReport], silent: usize) {
        let names = |of: fn(&NodeReport) -> Vec<&String>| -> HashSet<String> { reports.iter().flat_map(of).cloned().collect() };
        let policies = names(|report| report.policies.keys().collect());
        let sinks = names(|report| report.sinks.keys().collect());
        self.policies.told.retain(|name, _| policies.contains(name));
        self.sinks.told.retain(|name, _| sinks.contains(name));
        for name in policies {
            let summary = summary::policy(&name, reports, silent);
            self.policies.write(&name, vec![summary]).await;
        }
        for name in sinks {
            let summaries = summary::sink(&name, reports);
            self.sinks.write(&name, summaries.into()).await;
        }
    }
}

impl Kind {
    fn new(api: Api<DynamicObject>, resource: ApiResource, events: Option<Events>) -> Self {
        Self { api, resource, told: HashMap::new(), lacking: false, events }
    }

    async fn write(&mut self, name: &str, summaries: Vec<Summary>) {
        if self.lacking || self.told.get(name) == Some(&summaries) {
            return;
        }
        match self.patch(name, &summaries).await {
            Ok(Some(object)) => {
                if let Some(events) = &self.events {
                    events.tell(&object, self.told.get(name), &summaries).await;
                }
                self.told.insert(name.to_owned(), summaries);
            }
            Ok(None) => {}
            // The definition is somebody else's, and has no status: the reports have it all.
            Err(Error::Api(status)) if status.code == 404 => {
                self.lacking = true;
                info!(
                    kind = self.resource.kind,
                    "the installed definition has no status: conditions are in the agents' Leases only"
                );
            }
            Err(error) => warn!(kind = self.resource.kind, name, %error, "a condition cannot be written; trying again"),
        }
    }

    /// Gives what refers to the object, where that is there.
    async fn patch(&self, name: &str, summaries: &[Summary]) -> Result<Option<ObjectReference>, Error> {
        let Some(object) = self.api.get_opt(name).await? else { return Ok(None) };
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let conditions: Vec<_> = summaries.iter().map(|summary| condition(summary, &object.data, &now)).collect();
        let mut status = json!({ "conditions": conditions });
        if let Some(receiver) = receiver(&object.data) {
            status["receiver"] = receiver.into();
        }
        match self.apply(name, &status).await {
            // The installed definition is an older one. (`structured-merge-diff` refuses what a schema does not have.)
            Err(Error::Api(refused)) if refused.message.contains("field not declared in schema") => {
                self.apply(name, &json!({ "conditions": conditions })).await?;
            }
            applied => applied?,
        }
        Ok(Some(object.object_ref(&self.resource)))
    }

    /// By type: whatever conditions others have written stay.
    async fn apply(&self, name: &str, status: &Value) -> Result<(), Error> {
        let ApiResource { api_version, kind, .. } = &self.resource;
        let patch = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name }, "status": status });
        self.api.patch_status(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch)).await.map(drop)
    }
}

/// The section that a sink's `spec` has.
fn receiver(object: &Value) -> Option<&'static str> {
    Receiver::SECTIONS.into_iter().find(|section| object.pointer(&format!("/spec/{section}")).is_some_and(Value::is_object))
}

/// With the time at which its status changed, which is now only if it has.
fn condition(summary: &Summary, object: &Value, now: &str) -> Value {
    let Summary { kind, status, reason, message } = summary;
    let before = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut same = before.filter(|condition| condition["type"] == *kind && condition["status"] == *status);
    let since = same.find_map(|condition| condition["lastTransitionTime"].as_str()).unwrap_or(now);
    json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_condition_is_that_of_its_last_change() {
        let summary = Summary { kind: "TrapsArmed", status: "True", reason: "TrapsArmed", message: "1/1".to_owned() };
        let of = |status: &str| {
            json!({ "status": { "conditions": [
            { "type": "PolicyValid", "status": "True", "lastTransitionTime": "early" },
            { "type": "TrapsArmed", "status": status, "lastTransitionTime": "before" },
        ] } })
        };
        assert_eq!(condition(&summary, &of("True"), "now")["lastTransitionTime"], "before");
        assert_eq!(condition(&summary, &of("False"), "now")["lastTransitionTime"], "now");
        assert_eq!(condition(&summary, &json!({}), "now")["lastTransitionTime"], "now");
    }
}
