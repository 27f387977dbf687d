//! A node on this machine's kernel, in namespaces within those of the control plane.

use std::{
    fs::{self, OpenOptions},
    process::{Child, Command},
};

use anyhow::{Context as _, Result};

use super::{
    stage::Stage,
    within::{Node, addresses},
};
use crate::process;

/// The first process of its namespaces: all the others end with it.
pub(super) struct Local(Child);

impl Local {
    pub(super) fn start(stage: &Stage) -> Result<Self> {
        let (node, api) = addresses(false);
        let log = stage.log();
        fs::create_dir_all(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let output =
            OpenOptions::new().create(true).append(true).open(log.join("node.log")).context("cannot open the node's log")?;
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "bash"]);
        unshare.arg(stage.state.join("node.sh")).arg(&stage.state).arg(&stage.servers).arg(stage.state.join("pki"));
        unshare.args([api, node]).args(&stage.images);
        unshare.stdout(output.try_clone().context("cannot share the node's log")?).stderr(output);
        Ok(Self(unshare.spawn().with_context(|| format!("cannot start {}", process::describe(&unshare)))?))
    }
}

impl Node for Local {
    fn ended(&mut self) -> Option<String> {
        match self.0.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("has ended: {status}; see log/node.log")),
            Err(error) => Some(format!("cannot be waited for: {error}")),
        }
    }

    fn cut(mut self: Box<Self>) -> Result<()> {
        // Its child, which is the namespace's first process, goes with it.
        self.0.kill().context("cannot end the node")?;
        self.0.wait().context("cannot wait for the node").map(drop)
    }
}
