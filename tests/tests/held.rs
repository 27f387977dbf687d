//! Descriptors that are older than the agent: no open is left to be seen, and they are told all the same, each once.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::{self, Agent},
    manifests,
    resident::Resident,
    stage::{Stage, skip},
};
use serde_json::Value;

/// A process that has the file open and does nothing with it.
struct Holder(Child);

impl Holder {
    fn of(decoy: &str) -> Result<Self> {
        let child = Command::new("sleep").arg("1000").stdin(File::open(decoy)?).stdout(Stdio::null()).spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Gone already in no case: it sleeps for longer than any test.
        self.0.kill().and_then(|()| self.0.wait()).expect("the holder can be ended");
    }
}

/// What is told: operation and process of each alert, in the order in which they came.
async fn all(agent: Agent) -> Result<Vec<(String, u64)>> {
    let end = agent.stop().await?;
    ensure!(end.status.code() == Some(0), "{}", end.log);
    let told = end.alerts.iter().map(|line| -> Result<_> {
        let alert: Value = serde_json::from_str(line)?;
        let operation = alert.pointer("/metadata/operation").and_then(Value::as_str).unwrap_or("open").to_owned();
        Ok((operation, alert.pointer("/process/pid").and_then(Value::as_u64).context("the process is named")?))
    });
    told.collect()
}

async fn older_descriptors_are_told_once(options: &[&str]) -> Result<()> {
    let stage = Stage::new()?;
    let decoy = stage.plant("token")?;
    let first = Holder::of(&decoy)?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let agent = stage.start_with(options)?;
    agent.alerts(1).await?;
    // One that comes later has been seen to open it, and is not searched for.
    let mut intruder = Resident::start()?;
    intruder.open(&decoy)?;
    agent.alerts(2).await?;
    let second = stage.plant("second")?;
    let holder = Holder::of(&second)?;
    stage.put("second.yaml", &manifests::policy_named("second", &second))?;
    agent.alerts(3).await?;
    let pids = [("held", first.0.id()), ("open", intruder.pid()), ("held", holder.0.id())];
    assert_eq!(all(agent).await?, pids.map(|(operation, pid)| (operation.to_owned(), u64::from(pid))));
    Ok(())
}

#[tokio::test]
async fn older_descriptors_are_told_by_fanotify() -> Result<()> {
    let answer = Command::new(agent::program()?).args(["probe", "--attach", "fanotify"]).stdin(Stdio::null()).output()?;
    if answer.status.code() != Some(0) {
        return Ok(skip("older_descriptors_are_told_by_fanotify", String::from_utf8_lossy(&answer.stdout).trim())?);
    }
    older_descriptors_are_told_once(&["--attach", "fanotify"]).await
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn older_descriptors_are_told() -> Result<()> {
    older_descriptors_are_told_once(&[]).await
}
