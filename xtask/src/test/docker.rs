//! Docker's engine for the guests: real, and never installed on this machine, where its package would start it.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    arch::Arch,
    setup::{PrivateApt, put_in_place},
    ui,
    vm::tools,
    workspace,
};

/// The package.
const PACKAGE: &str = "docker.io";
/// What is taken of it and of what it depends on.
const PROGRAMS: [&str; 6] = ["dockerd", "docker", "docker-init", "containerd", "containerd-shim-runc-v2", "runc"];
/// Where the guest has them: not among its own programs, some of which are of another release.
const FOLDER: &str = "/docker";

/// Files for a guest: from here, to there. Fetches them the first time.
pub(super) fn files(arch: Arch) -> Result<Vec<(PathBuf, PathBuf)>> {
    let root = workspace::cache()?.join(format!("tools/docker-{}", arch.debian()));
    if !root.is_dir() {
        ui::step("setup: fetch Docker's engine");
        let draft = root.with_extension("draft");
        PrivateApt::sources(arch)?.unpack_system(&[PACKAGE.to_owned()], &draft)?;
        put_in_place(&draft, &root)?;
    }
    let mut files = Vec::new();
    for name in PROGRAMS {
        let tool = tools::of_system(&root, arch, name).context("Docker's package is not what it was")?;
        files.push((tool.program, PathBuf::from(FOLDER).join(name)));
        files.extend(tool.libraries);
    }
    // A library's name is a link to the file of its version.
    let real = |(source, place): (PathBuf, PathBuf)| {
        let file = fs::canonicalize(&source).with_context(|| format!("cannot find {}", source.display()))?;
        Ok((file, place))
    };
    files.into_iter().map(real).collect()
}
