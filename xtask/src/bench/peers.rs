//! The peers, from the distribution's packages: unpacked for guests, never installed on this machine, where some of them would start.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    arch::Arch,
    process,
    setup::{PrivateApt, put_in_place},
    ui,
    vm::tools,
    workspace,
};

/// A package, and what is taken of it.
const PACKAGES: [(&str, &[&str]); 4] = [
    ("bpftrace", &["bpftrace"]),
    ("auditd", &["auditd", "auditctl"]),
    ("inotify-tools", &["inotifywait"]),
    ("fatrace", &["fatrace"]),
];
/// Configuration as the distribution ships it.
const CONFIGURATION: &str = "etc/audit";
/// What apt said of the packages.
const VERSIONS: &str = "versions";
/// Where the guest has them: before its own programs.
const FOLDER: &str = "/usr/local/bin";
/// Where the guest has the scripts that start them.
const SCRIPTS: &str = "/root/peers";

/// The peers' scripts in the guest; `auditd` last, because it leaves something behind in every task.
pub(crate) const SETTINGS: [&str; 7] =
    ["koney", "koney-fanotify", "inotifywait", "fatrace", "bpftrace-fentry", "bpftrace-kprobe", "auditd"];

/// The words by which the counting program knows a peer.
pub(crate) fn setting(name: &str) -> String {
    format!("peer:{SCRIPTS}/{name}.sh")
}

/// Files for a guest: from here, to there. Fetches the packages the first time.
pub(crate) fn files(arch: Arch) -> Result<Vec<(PathBuf, PathBuf)>> {
    let root = root(arch)?;
    if !root.is_dir() {
        ui::step("setup: fetch the peers");
        let draft = root.with_extension("draft");
        let packages = PACKAGES.map(|(name, _)| name.to_owned());
        let apt = PrivateApt::sources(arch)?;
        apt.unpack_system(&packages, &draft)?;
        let policy = process::text(apt.command("apt-cache").arg("policy").args(&packages))?;
        fs::write(draft.join(VERSIONS), policy).context("cannot keep the versions of the peers")?;
        put_in_place(&draft, &root)?;
    }
    let mut files = vec![(workspace::root().join("tests/peers"), PathBuf::from(SCRIPTS))];
    files.push((root.join(CONFIGURATION), Path::new("/").join(CONFIGURATION)));
    for name in PACKAGES.iter().flat_map(|(_, programs)| programs.iter().copied()) {
        let tool = tools::of_system(&root, arch, name).context("a peer's package is not what it was")?;
        for (source, place) in [(tool.program, PathBuf::from(FOLDER).join(name))].into_iter().chain(tool.libraries) {
            // A library's name is a link to the file of its version.
            let file = fs::canonicalize(&source).with_context(|| format!("cannot find {}", source.display()))?;
            files.push((file, place));
        }
    }
    Ok(files)
}

/// Package and version of each peer that was fetched.
pub(crate) fn versions(arch: Arch) -> Result<Vec<(String, String)>> {
    let policy = fs::read_to_string(root(arch)?.join(VERSIONS)).context("cannot tell the versions of the peers")?;
    Ok(read_policy(&policy))
}

fn root(arch: Arch) -> Result<PathBuf> {
    Ok(workspace::cache()?.join(format!("tools/peers-{}", arch.debian())))
}

fn read_policy(policy: &str) -> Vec<(String, String)> {
    let mut versions: Vec<(String, String)> = Vec::new();
    let mut package = "";
    for line in policy.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            package = name;
        } else if let Some(version) = line.trim().strip_prefix("Candidate: ") {
            versions.push((package.to_owned(), version.to_owned()));
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_versions_that_apt_tells() {
        let policy = "bpftrace:\n  Installed: (none)\n  Candidate: 0.17.0-1\nauditd:\n  Candidate: 1:3.0.9-1\n";
        let versions = [("bpftrace", "0.17.0-1"), ("auditd", "1:3.0.9-1")];
        assert_eq!(read_policy(policy), versions.map(|(name, version)| (name.to_owned(), version.to_owned())));
    }
}
