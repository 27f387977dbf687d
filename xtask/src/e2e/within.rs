//! Inside the walls: the node is started, the story is told, and the node is started again when the story asks for it.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{guest::Guest, images, node::Local, stage::Stage};
use crate::{arch::Arch, process, setup::Needs, ui};

/// Longest wait for the node; in a virtual machine everything takes its time.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks.
const TURN: Duration = Duration::from_millis(100);

/// A node that runs.
pub(super) trait Node {
    /// How it has ended, if it has.
    fn ended(&mut self) -> Option<String>;
    /// Ends it at once, as when the power goes.
    fn cut(self: Box<Self>) -> Result<()>;
}

/// The node's own address, and the one at which it finds the API server and the sink.
pub(super) fn addresses(guest: bool) -> (&'static str, &'static str) {
    // A virtual machine's are those of QEMU's own network.
    if guest { ("10.0.2.15", "10.0.2.2") } else { ("10.88.0.1", "10.88.0.1") }
}

/// What a virtual machine for the node takes.
pub(super) fn needs(kernel: &str) -> Result<Needs> {
    Ok(Needs::vm(Arch::here()?, &[kernel.to_owned()]))
}

/// Runs the story on a node; gives how it ended.
pub(super) fn run(written: &Path) -> Result<u8> {
    let stage = Stage::read(written)?;
    let mut node = Some(start(&stage)?);
    ready(&stage, node.as_deref_mut())?;
    let again = stage.state.join("restart-node");
    let mut story = tell(&stage, &again)?;
    let status = loop {
        if let Some(status) = story.try_wait().context("cannot wait for the story")? {
            break status;
        }
        if let Some(how) = node.as_mut().and_then(|node| node.ended()) {
            story.kill().context("cannot end the story")?;
            story.wait().context("cannot wait for the story")?;
            bail!("the node {how}");
        }
        if again.exists() {
            node.take().map_or(Ok(()), Node::cut)?;
            node = Some(start(&stage)?);
            // The story waits for this.
            fs::remove_file(&again).context("cannot answer the story")?;
        }
        thread::sleep(TURN);
    };
    node.take().map_or(Ok(()), Node::cut)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn start(stage: &Stage) -> Result<Box<dyn Node>> {
    Ok(match &stage.guest {
        Some(kernel) => Box::new(Guest::start(stage, kernel)?),
        None => Box::new(Local::start(stage)?),
    })
}

/// Waits until pods can be put onto it.
fn ready(stage: &Stage, mut node: Option<&mut (dyn Node + 'static)>) -> Result<()> {
    let started = Instant::now();
    let kubectl = |words: &[&str]| {
        let mut kubectl = Command::new(stage.servers.join("kubectl"));
        kubectl.arg("--kubeconfig").arg(stage.state.join("kubeconfig")).args(words);
        kubectl.output().context("cannot start kubectl")
    };
    loop {
        let conditions = "jsonpath={.status.conditions[?(@.type=='Ready')].status},{.spec.taints}";
        let said = kubectl(&["get", "nodes", "node-1", "-o", conditions])?;
        // Without it no pod is admitted.
        if said.stdout == b"True," && kubectl(&["get", "serviceaccount", "default"])?.status.success() {
            ui::line(&format!("    node: ready after {} s", started.elapsed().as_secs()));
            return Ok(());
        }
        if let Some(how) = node.as_mut().and_then(|node| node.ended()) {
            bail!("the node {how}");
        }
        if started.elapsed() > PATIENCE {
            bail!("the node is not ready after {} s", PATIENCE.as_secs());
        }
        thread::sleep(TURN);
    }
}

fn tell(stage: &Stage, again: &Path) -> Result<Child> {
    let (_, api) = addresses(stage.guest.is_some());
    let mut story = Command::new(&stage.story);
    story.arg(stage.state.join("kubeconfig")).arg(&stage.manifest).args([images::WORKLOAD, api]);
    story.env("PATH", super::path_with(&stage.servers)?);
    let file = again.display();
    story.args(["--restart-node", &format!("touch {file}; while [ -e {file} ]; do sleep 0.1; done")]);
    story.arg("--helm").arg(&stage.helm).arg("--chart").arg(crate::chart::folder()).arg("--old-server");
    if !stage.detector.is_empty() {
        story.args(["--detector", &stage.detector]);
    }
    if stage.guest.is_none() {
        story.args(["--node-root", "/"]);
    }
    story.spawn().with_context(|| format!("cannot start {}", process::describe(&story)))
}
