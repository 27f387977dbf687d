//! Manifest folders as a user would write them.

use std::{fs, io, path::Path};

use anyhow::{Context as _, Result};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::ingest::Ingest;

/// Name of the policy in [`policy`].
pub const POLICY: &str = "deceptionpolicy-servicetoken";

/// A policy with one trap.
#[must_use]
pub fn policy(file_path: &str) -> String {
    policy_named(POLICY, file_path)
}

/// A policy of this name with one trap.
#[must_use]
pub fn policy_named(name: &str, file_path: &str) -> String {
    policy_with(name, &[file_path])
}

/// A policy of this name with a trap for each path.
#[must_use]
pub fn policy_with(name: &str, file_paths: &[impl AsRef<str>]) -> String {
    let head = format!(
        "apiVersion: research.dynatrace.com/v1alpha1
kind: DeceptionPolicy
metadata:
  name: {name}
spec:
  strictValidation: true
  traps:
"
    );
    let trap = |path: &_| {
        format!(
            r#"    - filesystemHoneytoken:
        filePath: {}
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
"#,
            AsRef::<str>::as_ref(path)
        )
    };
    file_paths.iter().map(trap).fold(head, |text, trap| text + &trap)
}

/// A `DeceptionAlertSink` and its Secret, to be written as they are or with something changed.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Name of the sink; its Secret is `NAME-ingest`.
    pub name: String,
    /// `spec.dynatrace.severity`.
    pub severity: String,
    /// `apiUrl` of the Secret.
    pub url: String,
    /// `apiToken` of the Secret.
    pub token: String,
    /// `caBundle` of the Secret.
    pub authority: String,
}

impl Sink {
    /// A sink for the endpoint.
    #[must_use]
    pub fn of(name: &str, ingest: &Ingest) -> Self {
        Self {
            name: name.to_owned(),
            severity: "HIGH".to_owned(),
            url: ingest.url.clone(),
            token: ingest.token.clone(),
            authority: ingest.authority.clone(),
        }
    }

    /// The resource.
    #[must_use]
    pub fn resource(&self) -> String {
        let Self { name, severity, .. } = self;
        format!(
            "apiVersion: research.dynatrace.com/v1alpha1
kind: DeceptionAlertSink
metadata:
  name: {name}
  namespace: koney-system
spec:
  dynatrace:
    secretName: {name}-ingest
    severity: {severity}
    allowLocal: true
"
        )
    }

    /// The Secret.
    #[must_use]
    pub fn secret(&self) -> String {
        let Self { name, url, token, authority, .. } = self;
        let authority = authority.trim_end().replace('\n', "\n    ");
        format!(
            "apiVersion: v1
kind: Secret
metadata:
  name: {name}-ingest
  namespace: koney-system
stringData:
  apiUrl: {url}
  apiToken: {token}
  caBundle: |
    {authority}
"
        )
    }

    /// Both as an API server has them.
    pub fn objects(&self) -> Result<[Value; 2]> {
        let resource = serde_saphyr::from_str(&self.resource()).context("the resource is YAML")?;
        let encoded = |text: &str| ByteString(text.as_bytes().to_vec());
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": { "name": format!("{}-ingest", self.name), "namespace": "koney-system" },
            "data": {
                "apiUrl": encoded(&self.url), "apiToken": encoded(&self.token), "caBundle": encoded(&self.authority),
            },
        });
        Ok([resource, secret])
    }
}

/// A sink named `dynatrace` for the endpoint, and its Secret.
#[must_use]
pub fn sink(ingest: &Ingest) -> String {
    let sink = Sink::of("dynatrace", ingest);
    format!("{}---\n{}", sink.resource(), sink.secret())
}

/// Writes a manifest the way an editor does: aside, then renamed into place.
pub fn put(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let aside = folder.join(format!(".{name}.new"));
    fs::write(&aside, text)?;
    fs::rename(aside, folder.join(name))
}
