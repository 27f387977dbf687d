//! From the reports of all nodes to conditions. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{NodeReport, PolicyState, SinkState};

/// A condition without its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Errors that are named in one message.
const NAMED: usize = 3;

/// `TrapsArmed` of a policy. `silent` nodes have not reported for a while.
pub(super) fn policy(name: &str, reports: &[NodeReport], silent: usize) -> Summary {
    let of_nodes: Vec<&PolicyState> = reports.iter().filter_map(|report| report.policies.get(name)).collect();
    let kind = "TrapsArmed";
    let problem = of_nodes.iter().find_map(|state| state.problem.clone());
    if !of_nodes.iter().any(|state| state.watched) {
        let (reason, message) = problem.map_or_else(
            || ("NotWatched", "no trap of it is to be watched: its captor strategy is none".to_owned()),
            |problem| ("PolicyInvalid", problem),
        );
        return Summary { kind, status: "False", reason, message };
    }
    let sum = |count: fn(&PolicyState) -> u64| of_nodes.iter().map(|state| count(state)).sum::<u64>();
    let (containers, armed) = (sum(|state| state.containers), sum(|state| state.armed));
    let nodes = of_nodes.iter().filter(|state| state.containers > 0).count();
    let mut others = BTreeMap::new();
    for (state, count) in of_nodes.iter().flat_map(|state| &state.others) {
        *others.entry(state.as_str()).or_insert(0) += count;
    }
    let first = match (containers, nodes) {
        (0, _) => "no container is selected".to_owned(),
        (_, 1) => format!("{armed}/{containers} containers on 1 node"),
        _ => format!("{armed}/{containers} containers on {nodes} nodes"),
    };
    let mut parts = vec![first];
    parts.extend(others.iter().map(|(state, count)| format!("{count} {state}")));
    match silent {
        0 => {}
        1 => parts.push("1 node does not report".to_owned()),
        _ => parts.push(format!("{silent} nodes do not report")),
    }
    parts.extend(problem.clone());
    let (status, reason) = match others.iter().max_by_key(|(_, count)| **count) {
        Some((state, _)) => ("False", reason_of(state)),
        None if silent > 0 => ("Unknown", "NodesSilent"),
        None if problem.is_some() => ("False", "SomeTrapsInvalid"),
        None if containers == 0 => ("Unknown", "NoContainersSelected"),
        None => ("True", "TrapsArmed"),
    };
    Summary { kind, status, reason, message: parts.join("; ") }
}

fn reason_of(state: &str) -> &'static str {
    match state {
        "pending" => "TrapsPending",
        "missing" => "DecoysMissing",
        "replaced" => "DecoysReplaced",
        "unreachable" => "DecoysUnreachable",
        "unsupported" => "TrapsUnsupported",
        _ => "TrapsNotArmed",
    }
}

/// `Ready` and `Delivering` of a sink.
pub(super) fn sink(name: &str, reports: &[NodeReport]) -> [Summary; 2] {
    let of_nodes: Vec<&SinkState> = reports.iter().filter_map(|report| report.sinks.get(name)).collect();
    let nodes = of_nodes.len();
    let ready: Vec<_> = of_nodes.iter().copied().filter(|state| state.ready).collect();
    let first = if ready.len() == nodes {
        Summary { kind: "Ready", status: "True", reason: "Configured", message: format!("on {nodes} nodes") }
    } else {
        let message = format!("not on {} of {nodes} nodes{}", nodes - ready.len(), errors(&of_nodes));
        Summary { kind: "Ready", status: "False", reason: "NotConfigured", message }
    };
    let failing = ready.iter().filter(|state| state.error.is_some()).count();
    let kind = "Delivering";
    let more = troubles(&of_nodes);
    let second = if failing > 0 {
        let message = format!("alerts wait on {failing} of {nodes} nodes{}{more}", errors(&ready));
        Summary { kind, status: "False", reason: "AlertsWait", message }
    } else if ready.iter().any(|state| state.delivered) {
        Summary { kind, status: "True", reason: "Delivered", message: format!("no alert waits{more}") }
    } else {
        Summary { kind, status: "Unknown", reason: "NothingToDeliver", message: format!("there has been no alert yet{more}") }
    };
    [first, second]
}

/// What a person should look at although alerts are delivered.
fn troubles(of_nodes: &[&SinkState]) -> String {
    let dead: usize = of_nodes.iter().map(|state| state.dead_letters).sum();
    let dead = if dead > 0 { format!("; {dead} that it will never take (koney-agent deadletter list)") } else { String::new() };
    let volatile: Vec<_> = of_nodes.iter().filter_map(|state| state.volatile.as_deref()).collect();
    let volatile =
        volatile.first().map(|reason| format!("; in memory only on {} of {} nodes: {reason}", volatile.len(), of_nodes.len()));
    dead + &volatile.unwrap_or_default()
}

/// The different errors, the first few of them.
fn errors(of_nodes: &[&SinkState]) -> String {
    let errors: BTreeSet<&str> = of_nodes.iter().filter_map(|state| state.error.as_deref()).collect();
    let more = errors.len().saturating_sub(NAMED);
    let mut parts = vec![String::new()];
    parts.extend(errors.into_iter().take(NAMED).map(str::to_owned));
    if more > 0 {
        parts.push(format!("and {more} other errors"));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(containers: u64, armed: u64, others: &[(&str, u64)]) -> NodeReport {
        let others = others.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect();
        let state = PolicyState { containers, armed, others, watched: true, problem: None };
        NodeReport { policies: [("p".to_owned(), state)].into(), ..NodeReport::default() }
    }

    fn words(summary: &Summary) -> (&str, &str, &str) {
        (summary.status, summary.reason, &summary.message)
    }

    #[test]
    fn a_policy_is_summed_up_over_all_nodes() {
        let all = [node(5, 5, &[]), node(7, 7, &[]), node(0, 0, &[])];
        assert_eq!(words(&policy("p", &all, 0)), ("True", "TrapsArmed", "12/12 containers on 2 nodes"));
        let some = [node(5, 4, &[("missing", 1)]), node(7, 5, &[("missing", 1), ("failed", 1)])];
        let message = "9/12 containers on 2 nodes; 1 failed; 2 missing";
        assert_eq!(words(&policy("p", &some, 0)), ("False", "DecoysMissing", message));
        let message = "5/5 containers on 1 node; 2 nodes do not report";
        assert_eq!(words(&policy("p", &[node(5, 5, &[])], 2)), ("Unknown", "NodesSilent", message));
        assert_eq!(words(&policy("p", &[node(0, 0, &[])], 0)), ("Unknown", "NoContainersSelected", "no container is selected"));
    }

    #[test]
    fn a_policy_that_is_not_in_force_says_why() {
        let of = |state| [NodeReport { policies: [("p".to_owned(), state)].into(), ..NodeReport::default() }];
        let invalid = PolicyState { problem: Some("spec.traps[0]: is wrong".to_owned()), ..PolicyState::default() };
        assert_eq!(words(&policy("p", &of(invalid.clone()), 0)), ("False", "PolicyInvalid", "spec.traps[0]: is wrong"));
        let partly = PolicyState { watched: true, containers: 1, armed: 1, ..invalid };
        let message = "1/1 containers on 1 node; spec.traps[0]: is wrong";
        assert_eq!(words(&policy("p", &of(partly), 0)), ("False", "SomeTrapsInvalid", message));
        assert_eq!(policy("p", &of(PolicyState::default()), 0).reason, "NotWatched");
    }

    #[test]
    fn a_sink_says_what_keeps_it_from_delivering() {
        let node = |state: SinkState| NodeReport { sinks: [("s".to_owned(), state)].into(), ..NodeReport::default() };
        let fine = || node(SinkState { ready: true, delivered: true, ..SinkState::default() });
        let idle = node(SinkState { ready: true, ..SinkState::default() });
        let [ready, delivering] = sink("s", &[fine(), idle.clone()]);
        assert_eq!(words(&ready), ("True", "Configured", "on 2 nodes"));
        assert_eq!(words(&delivering), ("True", "Delivered", "no alert waits"));
        assert_eq!(sink("s", &[idle])[1].status, "Unknown");
        let waiting = node(SinkState { error: Some("answer 401".to_owned()), ..fine().sinks["s"].clone() });
        let [_, delivering] = sink("s", &[fine(), waiting]);
        assert_eq!(words(&delivering), ("False", "AlertsWait", "alerts wait on 1 of 2 nodes; answer 401"));
        let state = SinkState { volatile: Some("the disk is full".to_owned()), dead_letters: 2, ..fine().sinks["s"].clone() };
        let [_, delivering] = sink("s", &[fine(), node(state)]);
        let message = "no alert waits; 2 that it will never take (koney-agent deadletter list); in memory only on 1 of 2 nodes: the disk is full";
        assert_eq!(words(&delivering), ("True", "Delivered", message));
        let bare = node(SinkState { error: Some("there is no Secret".to_owned()), ..SinkState::default() });
        let [ready, _] = sink("s", &[fine(), bare]);
        assert_eq!(words(&ready), ("False", "NotConfigured", "not on 1 of 2 nodes; there is no Secret"));
    }
}
