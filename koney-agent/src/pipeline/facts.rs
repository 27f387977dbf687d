//! What all parts know, for metrics.

use std::collections::{BTreeMap, BTreeSet};

use super::Shared;
use crate::{
    admin::{Facts, Validity},
    cluster::{Answers, Kind, ObjectRef, ProblemSeverity, Snapshot},
    trap::Table,
};

impl Shared {
    /// For metrics.
    pub(super) fn facts(&self) -> Facts {
        let snapshot = self.snapshot();
        let policies: BTreeSet<_> = snapshot.policies.iter().map(|policy| policy.name.as_str()).collect();
        let mut facts = Facts {
            steps: self.health.steps().collect(),
            policies: validity(&snapshot, Kind::Policy),
            sink_objects: validity(&snapshot, Kind::Sink),
            problems: problems(&snapshot),
            answers: self.answers.iter().flat_map(Answers::all).collect(),
            sinks: self.sinks.health(),
            sends: self.sinks.took().into_iter().map(|(id, took)| (id.to_string(), took)).collect(),
            limits: (self.sinks.bounds().entries as u64, self.sinks.bounds().bytes as u64),
            ..Facts::default()
        };
        {
            let table = self.table();
            facts.traps = traps(&table);
            facts.known = table.surroundings().filter(|around| !around.known.is_empty()).map(|around| {
                let pods: BTreeSet<_> = around.pods.values().map(|pod| (&pod.namespace, &pod.name)).collect();
                (pods.len() as u64, around.known.len() as u64)
            });
        }
        self.seen(|seen| {
            facts.method = seen.method;
            facts.blind = seen.blind;
            facts.kernel = seen.counts;
            facts.hooks.clone_from(&seen.hooks);
        });
        self.tally.write(&policies, &mut facts);
        facts
    }
}

/// By policy and state. That some are armed, or none, is always said.
fn traps(table: &Table) -> Vec<(String, &'static str, u64)> {
    let mut traps = BTreeMap::new();
    for (policy, state) in table.of_policies() {
        traps.entry((policy, "armed")).or_insert(0);
        *traps.entry((policy, state.name())).or_insert(0) += 1;
    }
    traps.into_iter().map(|((policy, state), count)| (policy.to_owned(), state, count)).collect()
}

fn problems(snapshot: &Snapshot) -> Vec<(&'static str, u64)> {
    let severities = [("error", ProblemSeverity::Error), ("warning", ProblemSeverity::Warning), ("info", ProblemSeverity::Info)];
    let count = |of| snapshot.problems.iter().filter(|problem| problem.severity == of).count() as u64;
    severities.map(|(name, severity)| (name, count(severity))).to_vec()
}

/// Objects of a kind: those in force, and those with an error.
fn validity(snapshot: &Snapshot, kind: Kind) -> Validity {
    let in_force: BTreeSet<_> = match kind {
        Kind::Policy => snapshot.policies.iter().map(|policy| named(kind, None, &policy.name)).collect(),
        Kind::Sink => snapshot.sinks.iter().map(|sink| named(kind, Some(&sink.namespace), &sink.name)).collect(),
        Kind::Secret => BTreeSet::new(),
    };
    let errors = snapshot.problems.iter().filter(|problem| problem.severity == ProblemSeverity::Error);
    let prefix = format!("{}/", kind.as_str());
    let wrong: BTreeSet<_> =
        errors.filter_map(|problem| problem.object.clone()).filter(|name| name.starts_with(&prefix)).collect();
    let partial = wrong.intersection(&in_force).count();
    Validity { valid: (in_force.len() - partial) as u64, partial: partial as u64, invalid: (wrong.len() - partial) as u64 }
}

fn named(kind: Kind, namespace: Option<&str>, name: &str) -> String {
    ObjectRef { kind, namespace: namespace.map(str::to_owned), name: name.to_owned() }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::manifests;

    #[test]
    fn objects_are_counted_by_what_of_them_is_in_force() {
        let good = "apiVersion: research.dynatrace.com/v1alpha1\nkind: DeceptionPolicy\nmetadata: {name: good}\nspec: {traps: [\
                    {filesystemHoneytoken: {filePath: /run/token}, match: {any: [{resources: {namespaces: [a]}}]}}]}\n";
        let bad = good.replace("name: good", "name: bad").replace("[a]", "7");
        let half = good.replace("name: good", "name: half").replace(
            "]}}]}}]}",
            "]}}]}}, {filesystemHoneytoken: {filePath: relative}, match: {any: [{resources: {namespaces: [a]}}]}}]}",
        );
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("good.yaml", good), ("bad.yaml", bad.as_str()), ("half.yaml", half.as_str())] {
            std::fs::write(folder.path().join(name), text).expect("write");
        }
        let snapshot = manifests::read(folder.path(), "koney-system", &Snapshot::default()).expect("the folder is there");
        assert_eq!(validity(&snapshot, Kind::Policy), Validity { valid: 1, partial: 1, invalid: 1 }, "{:?}", snapshot.problems);
        assert_eq!(validity(&snapshot, Kind::Sink), Validity::default());
        assert_eq!(problems(&snapshot).first(), Some(&("error", 2)));
    }
}
