//! The workflows of the public forge, which nobody can run here: by the forge's own schema, and by an auditor that knows what goes wrong
//! in them.

use std::process::Command;

use anyhow::Result;

use super::Outcome;
use crate::{process, python, workspace};

const FOLDER: &str = ".github/workflows";

pub(super) fn check() -> Result<Outcome> {
    let folder = workspace::root().join(FOLDER);
    let mut schema = Command::new(python::program("check-jsonschema", "python3")?);
    schema.args(["-m", "check_jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows"]);
    process::run(schema.args(["ci.yml", "release.yml"].map(|name| folder.join(name))))?;
    let mut auditor = Command::new(python::program("zizmor", "zizmor")?);
    process::run(auditor.args(["--offline", "--quiet", "--pedantic", "--no-progress"]).arg(&folder))?;
    Ok(Outcome::Passed)
}
