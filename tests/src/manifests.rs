//! Manifest folders as a user would write them.

use std::{fs, io, path::Path};

use crate::ingest::Ingest;

/// Name of the policy in [`policy`].
pub const POLICY: &str = "deceptionpolicy-servicetoken";

/// A policy with one trap.
#[must_use]
pub fn policy(file_path: &str) -> String {
    format!(
        r#"apiVersion: research.dynatrace.com/v1alpha1
kind: DeceptionPolicy
metadata:
  name: {POLICY}
spec:
  strictValidation: true
  traps:
    - filesystemHoneytoken:
        filePath: {file_path}
        fileContent: "someverysecrettoken"
        readOnly: true
      decoyDeployment:
        strategy: volumeMount
      captorDeployment:
        strategy: ebpf
      match:
        any:
          - resources:
              selector:
                matchLabels:
                  demo.koney/honeytoken: "true"
"#
    )
}

/// A sink for the endpoint, and its Secret.
#[must_use]
pub fn sink(ingest: &Ingest) -> String {
    let authority: String = ingest.authority.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: research.dynatrace.com/v1alpha1
kind: DeceptionAlertSink
metadata:
  name: dynatrace
  namespace: koney-system
spec:
  dynatrace:
    secretName: dynatrace-ingest
    severity: HIGH
---
apiVersion: v1
kind: Secret
metadata:
  name: dynatrace-ingest
  namespace: koney-system
stringData:
  apiUrl: {url}
  apiToken: {token}
  caBundle: |
{authority}",
        url = ingest.url,
        token = ingest.token,
    )
}

/// Writes a manifest the way an editor does: aside, then renamed into place.
pub fn put(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let aside = folder.join(format!(".{name}.new"));
    fs::write(&aside, text)?;
    fs::rename(aside, folder.join(name))
}
