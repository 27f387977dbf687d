//! What happens while no agent runs, and while one agent follows another, is told: each access once, or counted.

use std::{
    fs,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use koney_tests::{
    agent::until,
    ingest::Ingest,
    manifests,
    pins::{Pins, process, processes, sorted},
    stage::{Stage, cat},
};
use serde_json::Value;

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn what_happens_while_the_agent_is_dead_is_told_once_with_its_time() -> Result<()> {
    let (stage, pins) = (Stage::new()?, Pins::new());
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let first = pins.armed(&stage, 1).await?;
    let before = cat(&decoy)?;
    first.alerts(1).await?;
    first.kill_settled(1).await?;
    let meanwhile = (0..100).map(|_| cat(&decoy)).collect::<Result<Vec<_>>>()?;
    let gone = Timestamp::now().as_second();
    // Twice: one that dies before it has taken over hinders nobody, and tells of itself to nobody.
    stage.start_pinned(&pins.0)?.kill().await?;
    let second = pins.armed(&stage, 1).await?;
    second.logged("what an earlier agent had left was taken over").await?;
    let after = cat(&decoy)?;
    second.alerts(meanwhile.len() + 1).await?;
    let end = second.stop().await?;
    ensure!(end.status.success(), "{}", end.log);
    assert_eq!(processes(&end.alerts), sorted([meanwhile.clone(), vec![after]].concat()));
    assert!(!processes(&end.alerts).contains(&before), "told by the first");
    for line in end.alerts.iter().filter(|line| process(line).is_some_and(|pid| meanwhile.contains(&pid))) {
        let alert: Value = serde_json::from_str(line)?;
        let time: Timestamp = alert["timestamp"].as_str().context("a time")?.parse()?;
        assert!(time.as_second() <= gone, "the time of the access, not of the telling: {line}");
    }
    assert_eq!(pins.folders().len(), 1, "only the last set is left");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_decoy_that_went_away_meanwhile_is_still_known() -> Result<()> {
    let (stage, pins) = (Stage::new()?, Pins::new());
    let (gone, moved) = (stage.plant("gone")?, stage.plant("moved")?);
    stage.put("gone.yaml", &manifests::policy_named("gone", &gone))?;
    stage.put("moved.yaml", &manifests::policy_named("moved", &moved))?;
    let first = pins.armed(&stage, 2).await?;
    first.kill().await?;
    let (reader, away) = (cat(&gone)?, format!("{moved}.away"));
    fs::remove_file(&gone)?;
    fs::rename(&moved, &away)?;
    let second_reader = cat(&away)?;
    let second = stage.start_pinned(&pins.0)?;
    let told = second.alerts(4).await?;
    let of = |policy: &str| -> Vec<(Option<String>, Option<u32>)> {
        let alerts = told.iter().map(|line| (serde_json::from_str::<Value>(line).expect("a line of JSON"), process(line)));
        let alerts = alerts.filter(|(alert, _)| alert["deception_policy_name"] == policy);
        alerts
            .map(|(alert, pid)| (alert.pointer("/metadata/operation").and_then(Value::as_str).map(str::to_owned), pid))
            .collect()
    };
    let own = Some(std::process::id());
    assert_eq!(of("gone"), [(None, Some(reader)), (Some("unlink".to_owned()), own)]);
    assert_eq!(of("moved"), [(Some("rename".to_owned()), own), (None, Some(second_reader))]);
    second.stop().await.map(drop)
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_full_ring_leaves_every_access_told_or_counted() -> Result<()> {
    // The ring holds some six hundred records, and a cgroup has 512 of them in a second.
    const ACCESSES: usize = 1500;
    let (stage, pins) = (Stage::new()?, Pins::new());
    let decoy = stage.plant("token")?;
    let ingest = Ingest::start(&stage.path("")).await?;
    stage.put("sink.yaml", &manifests::sink(&ingest))?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    pins.armed(&stage, 1).await?.kill().await?;
    for _ in 0..ACCESSES {
        cat(&decoy)?;
    }
    let script = format!("for i in $(seq {ACCESSES}); do : < \"$0\"; done");
    let shell = Command::new("sh").args(["-c", &script, &decoy]).stdin(Stdio::null()).status().context("run the shell")?;
    ensure!(shell.success(), "the shell reads the decoy");
    let agent = pins.armed(&stage, 1).await?;
    agent.logged("what an earlier agent had left was taken over").await?;
    let count = |event: &Value, field: &str| event[field].as_str().and_then(|text| text.parse::<usize>().ok());
    let accounted = || {
        let events = ingest.events().ok()?;
        let counts = events
            .iter()
            .map(|event| count(event, "koney.repeat_count").or_else(|| count(event, "koney.coverage.count")).unwrap_or(1));
        Some(counts.sum::<usize>()).filter(|sum| *sum >= 2 * ACCESSES)
    };
    let sum = until(accounted).await.with_context(|| format!("all are accounted for; {}", agent.log()))?;
    assert_eq!(sum, 2 * ACCESSES);
    agent.stop().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn an_agent_follows_a_living_one_and_no_access_is_lost_or_told_twice() -> Result<()> {
    let (stage, pins) = (Stage::new()?, Pins::new());
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let first = pins.armed(&stage, 1).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let intruder = {
        let (stop, decoy) = (Arc::clone(&stop), decoy.clone());
        std::thread::spawn(move || {
            let mut readers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                readers.push(cat(&decoy)?);
            }
            anyhow::Ok(readers)
        })
    };
    first.alerts(20).await?;
    let second = pins.armed(&stage, 1).await?;
    first.logged("another agent has taken over").await?;
    second.alerts(20).await?;
    stop.store(true, Ordering::Relaxed);
    let readers = intruder.join().expect("the intruder ends")?;
    let (first, second) = (first.stop().await?, second.stop().await?);
    ensure!(first.status.success() && second.status.success(), "{}\n{}", first.log, second.log);
    assert_eq!(processes(&[first.alerts, second.alerts].concat()), sorted(readers));
    Ok(())
}
