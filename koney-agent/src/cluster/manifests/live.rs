//! Objects of the API server by the same rules as those of a file.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::snapshot::Snapshot;
use super::merge::{FileReading, merge};
use super::node::Node;
use super::object;

/// What problems call the place where these objects are.
pub(in super::super) const SOURCE: &str = "API server";

/// What is in force once these are all the objects there are. One that is invalid leaves its last valid version in force.
pub(in super::super) fn snapshot<'a>(
    objects: impl IntoIterator<Item = &'a Value>,
    agent_namespace: &str,
    previous: &Snapshot,
) -> Snapshot {
    let read = |object| object::read(Path::new(SOURCE), &Node::of_json(object), agent_namespace);
    let readings = objects.into_iter().flat_map(read).collect();
    merge(vec![FileReading { name: PathBuf::from(SOURCE), readings }], previous)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(path: &str) -> Value {
        json!({
            "apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionPolicy", "metadata": { "name": "p" },
            "spec": { "traps": [{
                "filesystemHoneytoken": { "filePath": path },
                "match": { "any": [{ "resources": { "namespaces": ["shop"] } }] },
            }] },
        })
    }

    #[test]
    fn an_invalid_object_keeps_its_last_valid_version_and_disables_no_other() {
        let sink = json!({
            "apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionAlertSink",
            "metadata": { "name": "s", "namespace": "koney-system" }, "spec": { "dynatrace": { "secretName": "dynatrace" } },
        });
        let broken = json!({
            "apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionPolicy", "metadata": { "name": "other" },
            "spec": "what",
        });
        let first = snapshot([&policy("/run/token"), &broken, &sink], "koney-system", &Snapshot::default());
        assert_eq!(first.policies.len(), 1);
        let said: Vec<_> = first.problems.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|line| line.starts_with("API server: DeceptionPolicy/other spec: ")), "{said:?}");
        let missing = "API server: DeceptionAlertSink/koney-system/s spec.dynatrace.secretName: there is no Secret \"dynatrace\" in the \
                       agent's namespace; create it";
        assert!(said.iter().any(|line| line == missing), "{said:?}");
        let second = snapshot([&policy("relative")], "koney-system", &first);
        assert_eq!(second.policies[0].traps[0].file_path, "/run/token");
        assert!(second.sinks.is_empty(), "it was deleted");
    }

    #[test]
    fn sinks_and_secrets_of_other_namespaces_do_not_count() {
        let secret = |namespace: &str| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "x", "namespace": namespace }, "data": { "a": "aGk=" } });
        let found = snapshot([&secret("koney-system"), &secret("default")], "koney-system", &Snapshot::default());
        assert_eq!(found.secrets.len(), 1);
        assert_eq!(found.secrets[0].namespace, "koney-system");
    }
}
