//! `validate`: manifests looked at by the very code that the agent reads them with, and nothing started.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use koney_agent::cluster::{DEFAULT_NAMESPACE, Problem, ProblemSeverity, Snapshot, manifests};
use serde_json::json;

use super::{Output, say};

/// `validate`.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Files of policies, sinks and Secrets, in YAML or JSON; or folders of them.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// The agent's namespace: sinks and Secrets of any other are ignored there.
    #[arg(long, default_value = DEFAULT_NAMESPACE, env = "KONEY_NAMESPACE")]
    namespace: String,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
    /// Form of the answer.
    #[arg(short, long, default_value = "text", value_name = "FORM")]
    output: Output,
}

impl Validate {
    /// Says what is wrong; true if all of it is in force as written.
    pub(crate) fn run(&self) -> bool {
        let snapshot = manifests::read_files(&self.files(), &self.namespace);
        let faults = snapshot.problems.iter().filter(|problem| self.is_fault(problem)).count();
        say(&match self.output {
            Output::Text => text(&snapshot, faults),
            Output::Json => report(&snapshot, faults).to_string(),
        });
        faults == 0
    }

    /// A folder stands for what the agent would read in it.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for path in &self.paths {
            match manifests::files_in(path) {
                Some(found) => files.extend(found),
                // What cannot be read is told like everything else that is wrong.
                None => files.push(path.clone()),
            }
        }
        files
    }

    fn is_fault(&self, problem: &Problem) -> bool {
        problem.severity == ProblemSeverity::Error || self.strict && problem.severity == ProblemSeverity::Warning
    }
}

fn text(snapshot: &Snapshot, faults: usize) -> String {
    let mut text = String::new();
    for problem in &snapshot.problems {
        // A String takes whatever is written to it.
        let _written = writeln!(text, "{}: {problem}", word(problem.severity));
    }
    let (policies, sinks) = (snapshot.policies.len(), snapshot.sinks.len());
    let verdict = if faults == 0 { "valid".to_owned() } else { format!("not valid: {faults} to mend") };
    text + &format!("{verdict} (policies: {policies}, sinks: {sinks})")
}

fn report(snapshot: &Snapshot, faults: usize) -> serde_json::Value {
    let problems = snapshot.problems.iter().map(|problem| {
        let Problem { severity, file, line, object, field, reason, remedy } = problem;
        json!({
            "severity": word(*severity), "file": file.to_string_lossy(), "line": line, "object": object, "field": field,
            "reason": reason, "remedy": remedy,
        })
    });
    json!({
        "valid": faults == 0, "policies": snapshot.policies.len(), "sinks": snapshot.sinks.len(),
        "problems": problems.collect::<Vec<_>>(),
    })
}

const fn word(severity: ProblemSeverity) -> &'static str {
    match severity {
        ProblemSeverity::Error => "error",
        ProblemSeverity::Warning => "warning",
        ProblemSeverity::Info => "note",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_line_reason_and_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let policy = |path: &str| {
            format!(
                "apiVersion: research.dynatrace.com/v1alpha1\nkind: DeceptionPolicy\nmetadata: {{name: p}}\nspec:\n  traps:\n    - \
                 filesystemHoneytoken: {{filePath: {path}, fileContent: x}}\n      match: {{any: [{{resources: {{namespaces: [a]}}}}]}}\n"
            )
        };
        let good = folder.path().join("good.yaml");
        fs::write(&good, policy("/run/token")).expect("written");
        let validate = |paths: Vec<PathBuf>| Validate {
            paths,
            namespace: DEFAULT_NAMESPACE.to_owned(),
            strict: false,
            output: Output::Text,
        };
        assert!(validate(vec![good]).run());
        fs::write(folder.path().join("bad.yaml"), policy("run/token").replace("name: p", "name: q")).expect("written");
        let whole = validate(vec![folder.path().to_owned()]);
        assert_eq!(whole.files().len(), 2);
        assert!(!whole.run());
        let snapshot = manifests::read_files(&whole.files(), DEFAULT_NAMESPACE);
        let said = text(&snapshot, 1);
        assert!(said.contains("error: ") && said.contains("bad.yaml:6: DeceptionPolicy/q spec.traps[0]"), "{said}");
        assert!(said.ends_with("not valid: 1 to mend (policies: 2, sinks: 0)"), "{said}");
        assert_eq!(report(&snapshot, 1)["problems"][0]["line"], 6);
        assert!(!validate(vec![folder.path().join("absent.yaml")]).run());
    }
}
