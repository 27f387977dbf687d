//! What an agent leaves in the kernel, killed at whatever moment, hinders nobody, and goes.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, ensure};
use koney_agent::kernel::Environment;
use koney_tests::{
    agent::until,
    ingest::Ingest,
    manifests,
    pins::{Loaded, Pins, processes},
    stage::{Stage, cat},
};

/// Programs and maps go a moment after the last reference to them.
async fn nothing_more_than(before: &Loaded) -> Result<()> {
    let gone = until(|| Loaded::now().ok().filter(|now| !now.is_more_than(before))).await;
    ensure!(gone.is_ok(), "left: {:?}, before: {before:?}", Loaded::now()?);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn what_is_half_made_or_of_another_version_is_replaced_and_detaching_leaves_nothing() -> Result<()> {
    let (stage, pins, before) = (Stage::new()?, Pins::new(), Loaded::now()?);
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    for folder in ["v999-1", "v1-2", "new-1"] {
        fs::create_dir_all(Path::new(&pins.0).join(folder))?;
    }
    let agent = pins.armed(&stage, 1).await?;
    agent.logged_times("what an earlier agent had left was taken over", 2).await?;
    cat(&decoy)?;
    agent.alerts(1).await?;
    agent.kill_settled(1).await?;
    ensure!(Loaded::now()?.is_more_than(&before), "what is pinned stays");
    let removed = pins.detach()?;
    assert!(removed.lines().all(|line| line.starts_with("removed ")) && removed.contains(&pins.0), "{removed}");
    assert!(!Path::new(&pins.0).exists());
    nothing_more_than(&before).await?;
    assert!(pins.detach()?.starts_with("nothing is pinned below"));
    cat(&decoy)?;
    let agent = pins.armed(&stage, 1).await?;
    let seen = cat(&decoy)?;
    agent.alerts(1).await?;
    let end = agent.stop().await?;
    assert_eq!(processes(&end.alerts), [seen], "nobody has watched in between");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn agents_killed_at_any_moment_hinder_nobody() -> Result<()> {
    let (stage, pins, before) = (Stage::new()?, Pins::new(), Loaded::now()?);
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    pins.armed(&stage, 1).await?.kill().await?;
    // From before the first folder is made until after what was there is taken over, in steps that do not divide any of it.
    for step in 0..16 {
        let agent = stage.start_pinned(&pins.0)?;
        tokio::time::sleep(Duration::from_millis(step * 137)).await;
        agent.kill().await?;
    }
    let reader = cat(&decoy)?;
    let agent = pins.armed(&stage, 1).await?;
    agent.logged("what an earlier agent had left was taken over").await?;
    agent.alerts(1).await?;
    let only = until(|| Some(pins.folders()).filter(|folders| folders.len() == 1)).await;
    ensure!(only.is_ok(), "left: {:?}", pins.folders());
    let end = agent.stop().await?;
    assert_eq!(processes(&end.alerts), [reader]);
    pins.detach()?;
    nothing_more_than(&before).await
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn time_in_which_nothing_watched_is_told() -> Result<()> {
    const DEAD: Duration = Duration::from_secs(3);
    let (stage, pins) = (Stage::new()?, Pins::new());
    let decoy = stage.plant("token")?;
    let ingest = Ingest::start(&stage.path("")).await?;
    stage.put("sink.yaml", &manifests::sink(&ingest))?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let by_kprobe = || stage.start_pinned_by(&pins.0, "kprobe");
    let first = by_kprobe()?;
    first.logged("traps armed=1 traps=1").await?;
    first.kill().await?;
    tokio::time::sleep(DEAD).await;
    cat(&decoy)?;
    let second = by_kprobe()?;
    second.logged("what an earlier agent had left was taken over").await?;
    let event = until(|| ingest.events().ok()?.into_iter().next()).await?;
    if Environment::read().older_than(5, 15) {
        assert_eq!(event["koney.coverage.cause"], "no-agent", "{event}");
        let seconds: u64 = event["koney.coverage.count"].as_str().unwrap_or_default().parse()?;
        assert!((DEAD.as_secs()..600).contains(&seconds), "{event}");
    } else {
        assert!(event.get("koney.coverage.cause").is_none(), "the program has seen it: {event}");
    }
    second.stop().await.map(drop)
}
