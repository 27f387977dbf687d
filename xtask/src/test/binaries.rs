//! What goes into the guests: the kernel tests, and the programs they test.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{libtest, matrix::Part};
use crate::{arch::Arch, cross, exit::Exit, process, ui};

/// Built programs of the default members.
#[derive(Debug)]
pub(crate) struct Binaries {
    /// Test programs of koney-tests that hold kernel tests, which are those that the host ignores.
    pub(crate) tests: Vec<PathBuf>,
    /// The programs that users run, and those that tests start.
    pub(crate) programs: Vec<PathBuf>,
}

impl Binaries {
    /// Builds them with the very flags of the host's tests and of a plain `cargo build`, so that little is built twice.
    pub(crate) fn build(arch: Arch) -> Result<Self> {
        ui::step("build the kernel tests and the programs they test");
        let mut tests = Vec::new();
        for file in self::tests(arch)? {
            if has_kernel_tests(&file)? {
                tests.push(file);
            }
        }
        Ok(Self { tests, programs: programs(arch)? })
    }

    /// Only these of the tests; all if none is named.
    pub(crate) fn only(mut self, names: &[String]) -> Result<Self> {
        let target = |test: &PathBuf| libtest::target(&test.file_name().unwrap_or_default().to_string_lossy()).to_owned();
        if let Some(unknown) = names.iter().find(|name| !self.tests.iter().any(|test| target(test) == **name)) {
            let known: Vec<_> = self.tests.iter().map(target).collect();
            return Err(Exit::usage(format!("{unknown:?} is no program of kernel tests; they are {}", known.join(", "))).into());
        }
        self.tests.retain(|test| names.is_empty() || names.contains(&target(test)));
        Ok(self)
    }

    /// Those whose tests are of this part, with all programs.
    pub(crate) fn part(&self, part: Part) -> Self {
        let name = |test: &Path| test.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let tests = self.tests.iter().filter(|test| part.has(libtest::target(&name(test)))).cloned().collect();
        Self { tests, programs: self.programs.clone() }
    }

    /// Whether a test program is one of the kernel tests.
    pub(crate) fn contains(&self, file_name: &str) -> bool {
        self.tests.iter().any(|test| test.file_name().is_some_and(|name| name == file_name))
    }
}

/// Builds the programs of koney, first of all the agent.
pub(crate) fn programs(arch: Arch) -> Result<Vec<PathBuf>> {
    artifacts(arch, &["build", "--bins"], "bin", &["koney-agent", "koney-tests"])
}

/// Builds one program of koney-tests.
pub(crate) fn program(arch: Arch, name: &str) -> Result<PathBuf> {
    one(arch, &["build", "--package", "koney-tests", "--bin", name], name)
}

/// The same, optimised as the agent is.
pub(crate) fn released(arch: Arch, name: &str) -> Result<PathBuf> {
    one(arch, &["build", "--release", "--package", "koney-tests", "--bin", name], name)
}

fn one(arch: Arch, words: &[&str], name: &str) -> Result<PathBuf> {
    let built = artifacts(arch, words, "bin", &["koney-tests"])?;
    let found = built.into_iter().find(|file| file.file_name().is_some_and(|file| file == name));
    found.with_context(|| format!("cargo did not build {name}"))
}

/// Builds the test programs of koney-tests.
pub(crate) fn tests(arch: Arch) -> Result<Vec<PathBuf>> {
    artifacts(arch, &["test", "--no-run", "--tests"], "test", &["koney-tests"])
}

fn artifacts(arch: Arch, words: &[&str], kind: &str, packages: &[&str]) -> Result<Vec<PathBuf>> {
    let mut cargo = cross::cargo(arch, words)?;
    if !arch.is_here() && !words.contains(&"--package") {
        // What a developer runs is not for guests.
        cargo.args(packages.iter().flat_map(|package| ["--package", *package]));
    }
    cargo.arg("--message-format=json-render-diagnostics");
    let output = cargo
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", process::describe(&cargo)))?;
    anyhow::ensure!(output.status.success(), "{} failed with {}", process::describe(&cargo), output.status);
    let mut found = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).context("cargo printed something that is not JSON")?;
        found.extend(executable(&message, kind, packages));
    }
    Ok(found.into_iter().collect())
}

/// The program that a message of cargo tells of, if it is of this kind and of one of these packages.
fn executable(message: &Value, kind: &str, packages: &[&str]) -> Option<PathBuf> {
    let target = &message["target"];
    let of_kind = target["kind"].as_array()?.iter().any(|have| have == kind);
    // A package's id ends in #VERSION, or in #NAME@VERSION where its folder has another name; its manifest tells more.
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let folder = manifest.parent()?.file_name()?.to_str()?;
    let name = if folder == "tests" { "koney-tests" } else { folder };
    (of_kind && packages.contains(&name)).then(|| message["executable"].as_str().map(PathBuf::from))?
}

fn has_kernel_tests(program: &Path) -> Result<bool> {
    let list = process::text(Command::new(program).args(["--list", "--ignored", "--format", "terse"]))?;
    Ok(list.lines().any(|line| line.ends_with(": test")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_programs_by_kind_and_package() {
        let message = serde_json::json!({
            "reason": "compiler-artifact",
            "manifest_path": "/koney/tests/Cargo.toml",
            "target": { "kind": ["test"], "name": "open" },
            "executable": "/koney/target/debug/deps/open-1",
        });
        let found = Some("/koney/target/debug/deps/open-1".into());
        assert_eq!(executable(&message, "test", &["koney-tests"]), found);
        assert_eq!(executable(&message, "bin", &["koney-tests"]), None);
        assert_eq!(executable(&message, "test", &["koney-agent"]), None);
        assert_eq!(executable(&serde_json::json!({ "reason": "build-finished" }), "test", &["koney-tests"]), None);
    }
}
