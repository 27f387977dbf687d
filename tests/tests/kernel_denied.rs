//! Attempts that the kernel denies are told where the policy asks for them, and nowhere else.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::Agent,
    manifests,
    stage::{CAT, Stage},
};
use serde_json::Value;

/// A user without any privilege (`/etc/passwd` need not know it).
const NOBODY: u32 = 65_534;

/// Reads a file as somebody who may not; gives the process id.
fn refused(path: &str) -> Result<u32> {
    let mut command = Command::new(CAT);
    command.arg(path).uid(NOBODY).gid(NOBODY).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child: Child = command.spawn().context("start cat")?;
    let status = child.wait().context("wait for cat")?;
    ensure!(status.code() == Some(1), "cat must not be allowed to read {path}: {status}");
    Ok(child.id())
}

/// A decoy that only root may read, in folders that anybody may search.
fn private(stage: &Stage, name: &str) -> Result<String> {
    let path = stage.plant(name)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    fs::set_permissions(stage.path(""), fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn asking(name: &str, decoy: &str) -> String {
    let policy = manifests::policy_named(name, decoy);
    policy.replace(&format!("name: {name}\n"), &format!("name: {name}\n  annotations:\n    koney/denied-attempts: \"true\"\n"))
}

async fn all(agent: Agent) -> Result<Vec<(Value, Value, Value)>> {
    let end = agent.stop().await?;
    ensure!(end.status.code() == Some(0), "{}", end.log);
    let told = end.alerts.iter().map(|line| -> Result<_> {
        let alert: Value = serde_json::from_str(line)?;
        let field = |pointer| alert.pointer(pointer).cloned().unwrap_or(Value::Null);
        Ok((field("/deception_policy_name"), field("/metadata/operation"), field("/process/pid")))
    });
    told.collect()
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_denied_attempt_is_told_where_the_policy_asks_for_it() -> Result<()> {
    let stage = Stage::new()?;
    let (asked, silent) = (private(&stage, "asked")?, private(&stage, "silent")?);
    stage.put("silent.yaml", &manifests::policy_named("silent", &silent))?;
    let agent = stage.start_armed(1).await?;
    refused(&silent)?;
    stage.put("asked.yaml", &asking("asked", &asked))?;
    agent.logged("attempts that the kernel denies watched=true").await?;
    agent.logged("traps armed=2 traps=2").await?;
    refused(&silent)?;
    let first = refused(&asked)?;
    agent.alerts(1).await?;
    // Looking at it is no attempt to open it.
    ensure!(Command::new("test").args(["-r", &asked]).uid(NOBODY).gid(NOBODY).status()?.code() == Some(1), "it may not be read");
    stage.put("asked.yaml", &manifests::policy_named("asked", &asked))?;
    agent.logged("attempts that the kernel denies watched=false").await?;
    refused(&asked)?;
    let told = all(agent).await?;
    assert_eq!(told, [(Value::from("asked"), Value::from("denied"), Value::from(first))]);
    Ok(())
}
