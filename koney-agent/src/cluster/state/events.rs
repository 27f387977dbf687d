//! Events of sinks: in the agents' own namespace, and of nothing else. One in a workload's namespace would give a decoy away.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tracing::debug;

use super::{leases::MANAGER, summary::Summary};

/// Bytes of a note; the API takes 1,024.
const NOTE: usize = 1000;

/// Tells of conditions that turn.
pub(super) struct Events(Recorder);

impl Events {
    pub(super) fn new(client: Client, node: &str) -> Self {
        Self(Recorder::new(client, Reporter { controller: MANAGER.to_owned(), instance: Some(node.to_owned()) }))
    }

    /// Tells of what has turned since the last time. What nobody has been told of before is told only where it is not well.
    pub(super) async fn tell(&self, object: &ObjectReference, before: Option<&Vec<Summary>>, now: &[Summary]) {
        for summary in now.iter().filter(|summary| has_turned(before, summary)) {
            let event = Event {
                type_: if summary.status == "False" { EventType::Warning } else { EventType::Normal },
                reason: summary.reason.to_owned(),
                note: Some(bounded(&summary.message)),
                action: summary.kind.to_owned(),
                secondary: None,
            };
            if let Err(error) = self.0.publish(&event, object).await {
                debug!(%error, "an event cannot be written");
            }
        }
    }
}

fn has_turned(before: Option<&Vec<Summary>>, now: &Summary) -> bool {
    let before = before.and_then(|before| before.iter().find(|summary| summary.kind == now.kind));
    match before {
        Some(before) => (before.status == "False") != (now.status == "False"),
        None => now.status == "False",
    }
}

fn bounded(text: &str) -> String {
    let end = (0..=NOTE.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_turns_is_told() {
        let of = |status| Summary { kind: "Delivering", status, reason: "AlertsWait", message: String::new() };
        assert!(has_turned(None, &of("False")) && !has_turned(None, &of("True")));
        for (before, now, told) in
            [("True", "False", true), ("False", "True", true), ("Unknown", "True", false), ("False", "False", false)]
        {
            assert_eq!(has_turned(Some(&vec![of(before)]), &of(now)), told, "{before} {now}");
        }
        assert_eq!(bounded(&"é".repeat(600)).len(), NOTE);
    }
}
