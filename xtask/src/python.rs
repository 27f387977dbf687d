//! Packages of PyPI, each in an environment of its own in koney's cache, in the version that `toolchain.toml` pins.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    process,
    setup::{self, Needs, Package, Pins},
    ui, workspace,
};

/// A Python that has the package.
pub(crate) fn with(package: &str) -> Result<PathBuf> {
    let pins = Pins::read()?;
    let version = pins.python.get(package).with_context(|| format!("toolchain.toml pins no {package}"))?;
    let folder = workspace::cache()?.join("tools").join(format!("{package}-{version}"));
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
