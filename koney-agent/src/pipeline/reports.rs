//! What this agent reports of itself to the cluster.

use crate::{
    cluster::{
        Kind, ProblemSeverity, Snapshot,
        state::{NodeReport, PolicyState, SinkState},
    },
    sink::Health,
    trap::Table,
};

/// Characters of what is said of one policy or sink.
const LONGEST: usize = 300;

/// From what is known in all parts.
pub(super) fn report(detector: &str, snapshot: &Snapshot, table: &Table, sinks: &[Health]) -> NodeReport {
    let standing = table.standing();
    let mut report = NodeReport { detector: detector.to_owned(), ..NodeReport::default() };
    for policy in &snapshot.policies {
        let of_policy = standing.get(policy.name.as_str()).cloned().unwrap_or_default();
        let state = PolicyState {
            containers: of_policy.containers,
            armed: of_policy.armed,
            others: of_policy.others.into_iter().map(|(state, count)| (state.to_owned(), count)).collect(),
            watched: policy.traps.iter().any(|trap| trap.watched),
            problem: None,
        };
        report.policies.insert(policy.name.clone(), state);
    }
    for problem in snapshot.problems.iter().filter(|problem| problem.severity == ProblemSeverity::Error) {
        let named = problem.object.as_deref().and_then(|object| object.strip_prefix(Kind::Policy.as_str())?.strip_prefix('/'));
        let Some(name) = named else { continue };
        let state = report.policies.entry(name.to_owned()).or_default();
        let field = problem.field.as_deref().map(|field| format!("{field} ")).unwrap_or_default();
        state.problem.get_or_insert_with(|| bounded(&format!("{field}{}; {}", problem.reason, problem.remedy)));
    }
    // Built-in sinks have no namespace, and no object.
    for health in sinks.iter().filter(|health| !health.id.namespace.is_empty()) {
        let state = SinkState {
            ready: health.configured,
            delivered: health.delivered > 0,
            error: health.last_error.as_deref().map(bounded),
            volatile: health.volatile.as_deref().map(bounded),
            dead_letters: health.dead_letters,
        };
        report.sinks.insert(health.id.name.clone(), state);
    }
    report
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cluster::manifests, sink::SinkId};

    #[test]
    fn everything_that_is_known_is_reported_and_no_path_of_a_decoy() {
        let good = "apiVersion: research.dynatrace.com/v1alpha1\nkind: DeceptionPolicy\nmetadata: {name: good}\nspec: {traps: [\
                    {filesystemHoneytoken: {filePath: /run/token}, match: {any: [{resources: {namespaces: [a]}}]}}]}\n";
        let bad = good.replace("name: good", "name: bad").replace("[a]", "7");
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("good.yaml", good), ("bad.yaml", bad.as_str())] {
            std::fs::write(folder.path().join(name), text).expect("write");
        }
        let snapshot = manifests::read(folder.path(), "koney-system", &Snapshot::default()).expect("the folder is there");
        let health = Health {
            configured: false,
            queued: 1,
            delivered: 0,
            rejected: 0,
            dropped: 0,
            retried: 0,
            last_error: Some("x".repeat(5000)),
            ..Health::new(SinkId::new("koney-system", "prod"))
        };
        let report = report("lsm", &snapshot, &Table::default(), &[health]);
        assert!(report.policies["good"].watched && report.policies["good"].problem.is_none());
        let problem = report.policies["bad"].problem.as_deref().expect("it is not in force");
        assert!(problem.starts_with("spec.traps[0].match.any[0].resources.namespaces "), "{problem}");
        assert_eq!(report.sinks["prod"].error.as_ref().map(String::len), Some(LONGEST));
        assert!(!format!("{report:?}").contains("/run/token"));
    }
}
