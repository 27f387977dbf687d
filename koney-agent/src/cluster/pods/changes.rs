//! `koney/changes`: what Koney's operator says it has planted in a pod.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The annotation, a JSON text.
pub(super) const ANNOTATION: &str = "koney/changes";

/// A decoy that was written into containers of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// Where.
    pub file_path: String,
    /// In which containers, by their names.
    pub containers: Vec<String>,
    /// MD5 of its content, in hexadecimal.
    pub content_md5: String,
    /// When.
    pub created: Timestamp,
}

#[derive(Deserialize)]
struct OfPolicy {
    #[serde(default)]
    traps: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    deployment_strategy: String,
    #[serde(default)]
    containers: Vec<String>,
    created_at: Timestamp,
    filesystem_honeytoken: Option<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    file_path: String,
    file_content_hash: String,
}

/// What was written by exec. What cannot be read says nothing: an access then alerts.
pub(super) fn read(text: &str) -> Vec<Planted> {
    let policies: Vec<OfPolicy> = serde_json::from_str(text).unwrap_or_default();
    let written = policies.into_iter().flat_map(|policy| policy.traps).filter(|trap| trap.deployment_strategy == "containerExec");
    let planted = written.filter_map(|trap| {
        let File { file_path, file_content_hash: content_md5 } = trap.filesystem_honeytoken?;
        Some(Planted { file_path, containers: trap.containers, content_md5, created: trap.created_at })
    });
    planted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_by_exec_is_read_and_nothing_else() {
        let trap = |strategy: &str| {
            format!(
                r#"{{"deploymentStrategy": "{strategy}", "containers": ["nginx"], "createdAt": "2025-07-18T21:39:11+02:00", "updatedAt": "",
                "filesystemHoneytoken": {{"filePath": "/run/{strategy}", "fileContentHash": "abc", "readOnly": true}},
                "httpEndpoint": {{}}, "httpPayload": {{}}}}"#
            )
        };
        let text = format!(r#"[{{"deceptionPolicyName": "p", "traps": [{}, {}]}}]"#, trap("volumeMount"), trap("containerExec"));
        let expected = Planted {
            file_path: "/run/containerExec".to_owned(),
            containers: vec!["nginx".to_owned()],
            content_md5: "abc".to_owned(),
            created: "2025-07-18T19:39:11Z".parse().expect("a time"),
        };
        assert_eq!(read(&text), [expected]);
        for broken in ["", "{}", "[{\"traps\": 7}]", "[[["] {
            assert_eq!(read(broken), []);
        }
    }
}
