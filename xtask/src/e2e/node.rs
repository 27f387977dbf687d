//! A real cluster of one node, for as long as the story lasts, in namespaces of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{images, servers, status};
use crate::{cli::E2eArgs, ui, workspace};

/// What its first process does.
pub(super) const SCRIPT: &str = include_str!("node.sh");
/// Where the sink is, for the node's pods.
pub(super) const ADDRESS: &str = "10.88.0.1";

/// Starts it, has the story told, and leaves nothing of it.
pub(super) fn run(story: &Path, args: &E2eArgs) -> Result<u8> {
    let servers = servers::folder()?;
    let state = workspace::cache()?.join("e2e");
    clear(&state)?;
    fs::create_dir_all(&state).with_context(|| format!("cannot create {}", state.display()))?;
    let images = images::archives(&state.join("images"))?;
    let script = state.join("node.sh");
    fs::write(&script, SCRIPT).context("cannot write the node's script")?;
    // This machine's kernel is the node's: where it refuses eBPF, the manifest for those that do is installed.
    let (manifest, detector) = match (&args.manifest, refuses()?) {
        (Some(manifest), _) => (manifest.clone(), None),
        (None, true) => (workspace::root().join("deploy/install-fanotify.yaml"), Some("fanotify")),
        (None, false) => (workspace::root().join("deploy/install.yaml"), None),
    };
    ui::step(&format!("a real cluster of one node, with {}", manifest.display()));
    let mut node = Command::new("unshare");
    node.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "bash"]);
    node.arg(&script).arg(&state).arg(&servers).args(&images).arg("--");
    node.arg(story).arg(state.join("kubeconfig")).arg(&manifest).arg(images::WORKLOAD).arg(ADDRESS);
    node.args([detector.unwrap_or_default(), "/", "old"]);
    let ended = status(&mut node);
    remove_cgroups();
    if ended.as_ref().is_ok_and(|status| *status == 0) {
        clear(&state)?;
    } else {
        ui::note(&format!("what its parts have logged is in {}", state.join("log").display()));
    }
    ended
}

/// Whether this kernel refuses eBPF.
fn refuses() -> Result<bool> {
    let agent = crate::image::agent(crate::arch::Arch::here()?)?;
    let probe = Command::new(agent).arg("probe").output().context("cannot start the agent")?;
    Ok(!probe.status.success())
}

fn clear(state: &Path) -> Result<()> {
    if state.exists() {
        fs::remove_dir_all(state).with_context(|| format!("cannot remove {}", state.display()))?;
    }
    Ok(())
}

/// The kubelet's groups, which outlive the namespaces; empty by now.
fn remove_cgroups() {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]) {
        for name in ["kubepods", "k8s.io"] {
            remove_tree(&hierarchy.join(name));
        }
    }
}

fn remove_tree(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    // One that somebody else still uses stays.
    fs::remove_dir(group).ok();
}
