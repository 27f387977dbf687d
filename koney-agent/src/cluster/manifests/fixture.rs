//! Real folders with the manifests a user would write.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::super::problem::{Problem, Severity};
use super::super::snapshot::Snapshot;
use super::folder::read;

pub(super) const NAMESPACE: &str = "koney-system";

/// The policy of a Koney user: a token that no workload has a reason to read.
pub(super) const SERVICE_TOKEN: &str = "\
apiVersion: research.dynatrace.com/v1alpha1
kind: DeceptionPolicy
metadata:
  name: service-token
spec:
  strictValidation: true
  mutateExisting: true
  traps:
    - filesystemHoneytoken:
        filePath: /run/secrets/koney/service_token
        fileContent: 'someverysecrettoken'
        readOnly: true
      decoyDeployment:
        strategy: containerExec
      captorDeployment:
        strategy: tetragon
      match:
        any:
          - resources:
              namespaces: [koney-demo]
              containerSelector: '*'
";

pub(super) const SINK: &str = "\
apiVersion: research.dynatrace.com/v1alpha1
kind: DeceptionAlertSink
metadata:
  name: dynatrace
  namespace: koney-system
spec:
  dynatrace:
    secretName: dynatrace-api
    severity: CRITICAL
";

pub(super) const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: dynatrace-api
  namespace: koney-system
type: Opaque
stringData:
  apiToken: dt0c01.ABC
  apiUrl: https://abc.live.dynatrace.com
";

/// A policy with one trap per path.
pub(super) fn policy(name: &str, paths: &[&str]) -> String {
    let mut text = format!(
        "apiVersion: research.dynatrace.com/v1alpha1\nkind: DeceptionPolicy\nmetadata:\n  name: {name}\nspec:\n  traps:\n"
    );
    for path in paths {
        text.push_str("  - filesystemHoneytoken:\n      filePath: ");
        text.push_str(path);
        text.push_str("\n    match: { any: [{ resources: { namespaces: [demo] } }] }\n");
    }
    text
}

/// A folder of its own for one test.
pub(super) struct Folder {
    dir: TempDir,
    pub(super) last: Snapshot,
}

impl Folder {
    pub(super) fn new() -> Self {
        Self { dir: TempDir::new().expect("a temporary folder"), last: Snapshot::default() }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn write(&mut self, name: &str, text: impl AsRef<[u8]>) -> &mut Self {
        fs::write(self.path().join(name), text).expect("the folder is writable");
        self
    }

    pub(super) fn remove(&mut self, name: &str) -> &mut Self {
        fs::remove_file(self.path().join(name)).expect("the file is there");
        self
    }

    /// Reads the folder on top of what was read last.
    pub(super) fn read(&mut self) -> &Snapshot {
        self.last = read(self.path(), NAMESPACE, &self.last).expect("the folder is readable");
        for problem in &self.last.problems {
            let Problem { severity, file, reason, remedy, .. } = problem;
            assert!(!file.as_os_str().is_empty() && !reason.is_empty(), "{problem:?} names no thing, or no cause");
            // What is nobody's business needs no remedy.
            assert!(!remedy.is_empty() || *severity == Severity::Info, "{problem:?} does not say what to do");
        }
        &self.last
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.last.problems.iter().map(ToString::to_string).collect()
    }

    /// `POLICY:PATH` of every trap in force.
    pub(super) fn traps(&self) -> Vec<String> {
        let policies = self.last.policies.iter();
        policies.flat_map(|policy| policy.traps.iter().map(|trap| format!("{}:{}", policy.name, trap.file_path))).collect()
    }
}

/// The problems of a folder with this one file.
pub(super) fn problems_of(text: impl AsRef<[u8]>) -> Vec<String> {
    let mut folder = Folder::new();
    folder.write("a.yaml", text).read();
    folder.problems()
}
