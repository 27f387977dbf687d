//! `kubectl`, whose failures say what was asked and what it said.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    process::Command,
    time::{Instant, sleep},
};

/// Longest wait for anything that a cluster does.
const PATIENCE: Duration = Duration::from_mins(3);
const STEP: Duration = Duration::from_millis(500);

/// A cluster, by its kubeconfig file.
#[derive(Clone, Debug)]
pub struct Kubectl {
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// The cluster of this file.
    #[must_use]
    pub const fn new(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig }
    }

    /// Runs it; gives what it prints.
    pub async fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.output(words, None).await?;
        if !output.status.success() {
            bail!("kubectl {} ended with {}: {}", words.join(" "), output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether it succeeds.
    pub async fn succeeds(&self, words: &[&str]) -> Result<bool> {
        Ok(self.output(words, None).await?.status.success())
    }

    /// Applies an object.
    pub async fn apply(&self, object: &Value) -> Result<()> {
        // A server of before 1.27 makes kubectl refuse what it does not know.
        let output = self.output(&["apply", "--validate=false", "-f", "-"], Some(object.to_string())).await?;
        if !output.status.success() {
            bail!("kubectl does not apply {object}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Waits until a command prints what is expected.
    pub async fn until(&self, what: &str, words: &[&str], expected: impl Fn(&str) -> bool) -> Result<String> {
        let started = Instant::now();
        loop {
            let last = self.run(words).await;
            if let Ok(printed) = &last
                && expected(printed)
            {
                return last;
            }
            if started.elapsed() > PATIENCE {
                return last
                    .map_or_else(Err, |printed| bail!("kubectl {} prints {printed:?}", words.join(" ")))
                    .context(what.to_owned());
            }
            sleep(STEP).await;
        }
    }

    async fn output(&self, words: &[&str], input: Option<String>) -> Result<Output> {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", &self.kubeconfig).args(words).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start kubectl: is it installed?")?;
        let mut stdin = child.stdin.take().context("its input is piped")?;
        stdin.write_all(input.unwrap_or_default().as_bytes()).await.context("give kubectl its input")?;
        drop(stdin);
        child.wait_with_output().await.context("wait for kubectl")
    }
}
