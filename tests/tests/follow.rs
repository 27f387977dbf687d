//! A world that changes while the agent runs: policies, decoys, and the agent's own end.

use std::fs;

use anyhow::{Context as _, Result};
use koney_tests::{
    agent::{End, said},
    manifests::policy_named,
    stage::{Stage, cat},
};
use serde_json::Value;

/// Opens that the agent has not yet read when it is told to stop.
const LAST_ACCESSES: usize = 100;

/// `POLICY FILE PID` of every alert line.
fn told(end: &End) -> Result<Vec<String>> {
    let told = end.alerts.iter().map(|line| {
        let alert: Value = serde_json::from_str(line)?;
        let text = |pointer| alert.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
        let pid = alert.pointer("/process/pid").and_then(Value::as_u64).unwrap_or_default();
        Ok(format!("{} {} {pid}", text("/deception_policy_name"), text("/metadata/file_path")))
    });
    told.collect()
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_policy_arms_when_it_comes_and_disarms_when_it_goes() -> Result<()> {
    let stage = Stage::new()?;
    let (first, second) = (stage.plant("first")?, stage.plant("second")?);
    stage.put("first.yaml", &policy_named("first", &first))?;
    let agent = stage.start_armed(1).await?;
    cat(&second)?;
    stage.put("second.yaml", &policy_named("second", &second))?;
    let armed = agent.logged(&format!("trap path={second} ")).await?;
    assert_eq!(said(&armed), format!("INFO trap path={second} policies=\"second\" state=armed"));
    let seen = cat(&second)?;
    agent.alerts(1).await?;
    stage.remove("second.yaml")?;
    let removed = agent.logged("trap removed").await?;
    assert_eq!(said(&removed), format!("INFO trap removed path={second}"));
    cat(&second)?;
    let last = cat(&first)?;
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);
    assert_eq!(told(&end)?, [format!("second {second} {seen}"), format!("first {first} {last}")]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_decoy_that_is_planted_after_its_policy_is_armed() -> Result<()> {
    let stage = Stage::new()?;
    let path = stage.path("late").into_os_string().into_string().ok().context("text")?;
    stage.put("late.yaml", &policy_named("late", &path))?;
    let agent = stage.start()?;
    let missing = agent.logged("state=missing").await?;
    assert_eq!(
        said(&missing),
        format!(
            "WARN trap path={path} policies=\"late\" state=missing remedy=\"create the file (koney does not plant decoys); it is \
             armed when it appears\""
        )
    );
    stage.plant("late")?;
    agent.logged(&format!("trap path={path} policies=\"late\" state=armed")).await?;
    let pid = cat(&path)?;
    agent.alerts(1).await?;
    // A decoy that is taken away is said to be missing again.
    fs::remove_file(&path)?;
    agent.logged_times("state=missing", 2).await?;
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);
    // Planting and removing it are told too: by whom, and only once each.
    let own = std::process::id();
    assert_eq!(told(&end)?, [own, pid, own].map(|pid| format!("late {path} {pid}")));
    let operation = |line: &String| line.contains("\"operation\": \"unlink\"");
    assert_eq!(end.alerts.iter().map(operation).collect::<Vec<_>>(), [false, false, true]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_decoy_that_is_replaced_by_rename_is_armed_again() -> Result<()> {
    let stage = Stage::new()?;
    let path = stage.plant("token")?;
    stage.put("policy.yaml", &policy_named("token", &path))?;
    let agent = stage.start_armed(1).await?;
    let first = cat(&path)?;
    agent.alerts(1).await?;
    fs::rename(stage.plant("token.new")?, &path)?;
    // Nobody has armed the new file: its first access is seen by its name.
    let again = [cat(&path)?, cat(&path)?];
    agent.alerts(4).await?;
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);
    let all = [first, std::process::id(), again[0], again[1]];
    assert_eq!(told(&end)?, all.map(|pid| format!("token {path} {pid}")));
    assert!(end.alerts[1].contains("\"operation\": \"replace\""), "{}", end.alerts[1]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_policy_that_turns_invalid_stays_in_force_as_it_last_was() -> Result<()> {
    let stage = Stage::new()?;
    let path = stage.plant("token")?;
    let valid = policy_named("token", &path);
    stage.put("policy.yaml", &valid)?;
    let agent = stage.start_armed(1).await?;
    stage.put("policy.yaml", &valid.replace(&path, "token"))?;
    let invalid = agent.logged("manifest not in force").await?;
    assert_eq!(
        said(&invalid),
        "ERROR manifest not in force file=\"policy.yaml\" line=9 object=\"DeceptionPolicy/token\" \
         field=\"spec.traps[0].filesystemHoneytoken.filePath\" reason=\"must be absolute, got \\\"token\\\", keeping the last valid \
         version\" remedy=\"write it with a leading /\""
    );
    let first = cat(&path)?;
    agent.alerts(1).await?;
    stage.put("policy.yaml", &valid)?;
    agent.logged("manifest problem resolved file=\"policy.yaml\"").await?;
    let second = cat(&path)?;
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);
    assert_eq!(told(&end)?, [first, second].map(|pid| format!("token {path} {pid}")));
    assert!(!end.log.contains("trap removed"), "{}", end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn accesses_right_before_the_end_are_all_told() -> Result<()> {
    let stage = Stage::new()?;
    let path = stage.plant("token")?;
    stage.put("policy.yaml", &policy_named("token", &path))?;
    let agent = stage.start_armed(1).await?;
    // An agent that was quick would prove nothing: none of these is read before the signal is there.
    agent.freeze().await?;
    let intruders = (0..LAST_ACCESSES).map(|_| cat(&path)).collect::<Result<Vec<_>>>()?;
    let end = agent.stop().await?;
    assert_eq!(end.status.code(), Some(0), "{}", end.log);
    assert_eq!(end.log.lines().last().map(said).as_deref(), Some("INFO stopped"), "{}", end.log);
    let expected: Vec<_> = intruders.iter().map(|pid| format!("token {path} {pid}")).collect();
    assert_eq!(told(&end)?, expected);
    Ok(())
}
