//! What a cluster that is started here is made of, found and built before it is walled in, and told to what runs inside the walls.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{images, servers, status, within};
use crate::{arch::Arch, cli::E2eArgs, process, setup, ui, workspace};

/// What its first process does.
const CONTROL: &str = include_str!("control.sh");
/// What the node's does.
const NODE: &str = include_str!("node.sh");

/// Everything inside the walls; paths are of this machine.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stage {
    /// The folder of this cluster.
    pub(super) state: PathBuf,
    /// The program that tells the story.
    pub(super) story: PathBuf,
    /// The cluster's programs.
    pub(super) servers: PathBuf,
    /// Images for the runtime.
    pub(super) images: Vec<PathBuf>,
    /// What is installed.
    pub(super) manifest: PathBuf,
    /// Installs and uninstalls the chart, by Helm.
    pub(super) helm: PathBuf,
    /// How the agents see accesses, as their alerts say.
    pub(super) detector: String,
    /// The kernel series of the node's virtual machine; this machine's own kernel if there is none.
    pub(super) guest: Option<String>,
}

impl Stage {
    /// Finds and builds all of it.
    pub(super) fn set(story: PathBuf, args: &E2eArgs) -> Result<Self> {
        let name = if args.guest.is_some() { "e2e-guest" } else { "e2e" };
        let state = workspace::cache()?.join(name);
        clear(&state)?;
        fs::create_dir_all(&state).with_context(|| format!("cannot create {}", state.display()))?;
        let servers = servers::folder()?;
        if let Some(kernel) = &args.guest {
            setup::ensure(&within::needs(kernel)?)?;
        }
        let images = images::archives(&state.join("images"))?;
        for (name, content) in [("control.sh", CONTROL), ("node.sh", NODE)] {
            fs::write(state.join(name), content).with_context(|| format!("cannot write {name}"))?;
        }
        // Where the node's kernel refuses eBPF, the manifest for those that do is installed.
        let refused = args.guest.is_none() && refuses()?;
        let (manifest, detector) = if refused { ("install-fanotify.yaml", "fanotify") } else { ("install.yaml", "") };
        let detector = if args.guest.is_some() { "lsm" } else { detector };
        let manifest = args.manifest.clone().unwrap_or_else(|| workspace::root().join("deploy").join(manifest));
        let helm = crate::chart::client(&state)?;
        Ok(Self { state, story, servers, images, manifest, helm, detector: detector.to_owned(), guest: args.guest.clone() })
    }

    /// Builds the walls, has the story told inside, and leaves nothing of it.
    pub(super) fn play(&self) -> Result<u8> {
        let written = self.state.join("stage.json");
        let text = serde_json::to_string(self).context("cannot write down the stage")?;
        fs::write(&written, text).with_context(|| format!("cannot write {}", written.display()))?;
        let (node, api) = within::addresses(self.guest.is_some());
        ui::step(&format!("a real cluster of one node{}, with {}", self.place(), self.manifest.display()));
        // A copy: cargo may have put a new one into this program's place meanwhile.
        let this = self.state.join("xtask");
        fs::copy("/proc/self/exe", &this).context("cannot copy this program")?;
        let mut walls = process::mortal("unshare");
        walls.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "bash"]);
        walls.arg(self.state.join("control.sh")).arg(&self.state).arg(&self.servers).args([node, api, "--"]);
        walls.arg(this).args(["e2e", "--within"]).arg(&written);
        let ended = status(&mut walls);
        if self.guest.is_none() {
            remove_cgroups();
        }
        if ended.as_ref().is_ok_and(|status| *status == 0) {
            clear(&self.state)?;
        } else {
            ui::note(&format!("what its parts have logged is in {}", self.state.join("log").display()));
        }
        ended
    }

    /// What its parts log.
    pub(super) fn log(&self) -> PathBuf {
        self.state.join("log")
    }

    /// Reads what was written down outside.
    pub(super) fn read(written: &Path) -> Result<Self> {
        let text = fs::read_to_string(written).with_context(|| format!("cannot read {}", written.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no stage", written.display()))
    }

    fn place(&self) -> String {
        self.guest.as_ref().map(|kernel| format!(" in a virtual machine with kernel {kernel}")).unwrap_or_default()
    }
}

/// Whether this kernel refuses eBPF.
fn refuses() -> Result<bool> {
    let agent = crate::image::agent(Arch::here()?)?;
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
