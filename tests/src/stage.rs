//! Where one test plays: a folder of manifests, decoys, and an agent that follows the one and watches the others.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{
    agent::{self, Agent},
    manifests,
};

/// The program that intrudes.
pub const CAT: &str = "/usr/bin/cat";

/// One test's own folder; gone when dropped.
pub struct Stage {
    folder: TempDir,
    manifests: PathBuf,
}

impl Stage {
    /// An empty stage.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("koney-test-").tempdir().context("make a folder for the test")?;
        let manifests = folder.path().join("manifests");
        fs::create_dir(&manifests).context("make the manifest folder")?;
        Ok(Self { folder, manifests })
    }

    /// A path on the stage.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The manifest folder.
    #[must_use]
    pub fn manifests(&self) -> &Path {
        &self.manifests
    }

    /// Plants a decoy; gives its path.
    pub fn plant(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        fs::write(&path, "someverysecrettoken\n").context("plant the decoy")?;
        path.into_os_string().into_string().ok().context("the temporary folder's name is text")
    }

    /// Writes a manifest, or writes it anew.
    pub fn put(&self, name: &str, text: &str) -> Result<()> {
        manifests::put(&self.manifests, name, text).with_context(|| format!("write {name}"))
    }

    /// Removes a manifest.
    pub fn remove(&self, name: &str) -> Result<()> {
        fs::remove_file(self.manifests.join(name)).with_context(|| format!("remove {name}"))
    }

    /// Starts the agent on the stage's manifests.
    pub fn start(&self) -> Result<Agent> {
        self.start_with(&[])
    }

    /// Starts the agent with further arguments.
    pub fn start_with(&self, arguments: &[&str]) -> Result<Agent> {
        // Nothing of it is left to the agents of other tests.
        Agent::start(&agent::program()?, &self.manifests, &[&["--pins", "none"], arguments].concat())
    }

    /// Starts the agent with its programs pinned below a folder.
    pub fn start_pinned(&self, pins: &str) -> Result<Agent> {
        self.start_pinned_by(pins, "auto")
    }

    /// The same, attached by this method.
    pub fn start_pinned_by(&self, pins: &str, method: &str) -> Result<Agent> {
        Agent::start(&agent::program()?, &self.manifests, &["--pins", pins, "--attach", method, "--log", "debug"])
    }

    /// Starts the agent and waits until so many traps are armed, all there are.
    pub async fn start_armed(&self, traps: usize) -> Result<Agent> {
        let agent = self.start()?;
        agent.logged(&format!("traps armed={traps} traps={traps}")).await?;
        Ok(agent)
    }
}

/// Says, where `cargo xtask test` reads it, that this machine truly lacks what a test needs.
pub fn skip(test: &str, reason: &str) -> io::Result<()> {
    writeln!(io::stdout(), "koney-skip: {test}: {reason}")
}

/// Fanotify can keep watch here; where not, that is said.
pub fn has_fanotify(test: &str) -> Result<bool> {
    let answer = Command::new(agent::program()?).args(["probe", "--attach", "fanotify"]).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    match answer.status.code() {
        Some(0) => Ok(true),
        Some(69 | 77) => {
            skip(test, &said)?;
            Ok(false)
        }
        code => anyhow::bail!("the probe ended with {code:?}: {said}"),
    }
}

/// Reads a file with a real `cat`; gives its process id.
pub fn cat(path: &str) -> Result<u32> {
    let mut child = Command::new(CAT).arg(path).stdout(Stdio::null()).spawn().context("start cat")?;
    let status = child.wait().context("wait for cat")?;
    ensure!(status.success(), "cat {path} ended with {status}");
    Ok(child.id())
}
