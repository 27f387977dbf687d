//! The cluster, where there is one: what of it the agent can use.

use super::super::{
    cluster::{Cluster, Definition, Right},
    facts::Facts,
    finding::{Finding, cause_and_remedy},
};

/// What defines the resources.
const INSTALL: &str = "kubectl apply -f deploy/crds, or install the chart with crds=install";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    match &facts.cluster {
        None => Vec::new(),
        Some(Err(error)) => {
            let (cause, remedy) = cause_and_remedy(error);
            let remedy = remedy.unwrap_or("see that it is there, and reachable from here");
            let cost = "what was known last is watched, and nothing else";
            vec![Finding::degraded("API server", cause).costs(cost).mended_by(remedy)]
        }
        Some(Ok(cluster)) => of_cluster(cluster),
    }
}

fn of_cluster(cluster: &Cluster) -> Vec<Finding> {
    let server = Finding::ok("API server", cluster.version.as_str());
    [vec![server, policies(cluster.policies.as_ref()), sinks(cluster.sinks.as_ref())], rights(&cluster.refused)].concat()
}

fn policies(definition: Option<&Definition>) -> Finding {
    let check = "DeceptionPolicy";
    let Some(definition) = definition else {
        return Finding::degraded(check, "is not defined").costs("nothing is watched").mended_by(INSTALL);
    };
    let mut lost = Vec::new();
    if !definition.status {
        lost.push("it says nothing of its traps");
    }
    if definition.lacks("ebpf") {
        lost.push("the captor strategy ebpf is refused (tetragon and kive mean the same to koney)");
    }
    foreign(check, &lost)
}

fn sinks(definition: Option<&Definition>) -> Finding {
    let check = "DeceptionAlertSink";
    let Some(definition) = definition else {
        return Finding::degraded(check, "is not defined").costs("alerts go to standard output only").mended_by(INSTALL);
    };
    let mut lost = Vec::new();
    if !definition.status {
        lost.push("whether alerts arrive is in the agents' Leases only");
    }
    if definition.lacks("alertmanager") {
        lost.push("of a sink only spec.dynatrace with secretName and severity is known, the rest of it is dropped");
    }
    foreign(check, &lost)
}

fn foreign(check: &str, lost: &[&str]) -> Finding {
    if lost.is_empty() {
        return Finding::ok(check, "is defined, with all that koney knows");
    }
    Finding::degraded(check, "is defined by somebody else, such as Koney")
        .costs(lost.join("; "))
        .mended_by("nothing, if that is well; or install the chart with crds=adopt")
}

fn rights(refused: &[Right]) -> Vec<Finding> {
    let check = "rights in the cluster";
    // Either of the two ways to the pods will do.
    let is_pods = |right: &Right| matches!(right.resource, "nodes/pods" | "pods");
    let both = refused.iter().filter(|right| is_pods(right)).count() == 2;
    let counted: Vec<_> = refused.iter().filter(|right| both || !is_pods(right)).collect();
    if counted.is_empty() {
        return vec![Finding::ok(check, "all that is needed")];
    }
    let finding = |right: &&Right| {
        let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
        let place = if right.own_namespace { " in the agent's namespace" } else { "" };
        let cost = if is_pods(right) { "no container is known, and nothing in one is watched" } else { right.cost };
        Finding::degraded(check, format!("may not {} {}{group}{place}", right.verb, right.resource))
            .costs(cost)
            .mended_by("grant what deploy/helm/koney/templates/rbac.yaml does")
    };
    counted.iter().map(finding).collect()
}

impl Definition {
    /// The schema is known, and knows no such word.
    fn lacks(&self, word: &str) -> bool {
        !self.words.is_empty() && !self.words.iter().any(|known| known == word)
    }
}
