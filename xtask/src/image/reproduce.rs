//! The same image again, by somebody who has only the repository: a clone in another folder, and nothing built before.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::oci;
use crate::{arch::Arch, process, ui, workspace};

/// 0 if the second image is the first one, 1 if it is another.
pub(super) fn check(name: &str, archs: &[Arch], first: &[u8]) -> Result<u8> {
    let changed = process::text(git().args(["status", "--porcelain", "--untracked-files=no"]))?;
    ensure!(
        changed.is_empty(),
        "the checkout has changes that are in no commit, so no clone can make the same image: commit them"
    );
    let place = workspace::target().join("reproduce");
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
    }
    let (clone, archive) = (place.join("in/another/folder"), place.join("koney-agent.tar"));
    process::run(git().args(["clone", "--quiet", "--no-hardlinks"]).arg(workspace::root()).arg(&clone))?;
    ui::step("build the image again, all anew, in another folder");
    build(name, archs, &clone, &place.join("target"), &archive)?;
    let second = fs::read(&archive).with_context(|| format!("cannot read {}", archive.display()))?;
    if second == first {
        ui::line(&format!("reproducible: the second image is sha256:{} too", oci::digest(&second)));
        fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
        return Ok(0);
    }
    let (archive, digest) = (archive.display(), oci::digest(&second));
    ui::line(&format!("NOT reproducible: {archive} is sha256:{digest}; what differs is found by unpacking both"));
    Ok(1)
}

fn build(name: &str, archs: &[Arch], clone: &Path, target: &Path, archive: &Path) -> Result<()> {
    let archs = archs.iter().map(|arch| arch.debian()).collect::<Vec<_>>().join(",");
    let mut cargo = workspace::cargo();
    cargo.current_dir(clone).env("CARGO_TARGET_DIR", target);
    process::run(cargo.args(["xtask", "image", "--arch", &archs, "--name", name, "--output"]).arg(archive))
}

fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(workspace::root());
    git
}
