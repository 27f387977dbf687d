//! What happens while no agent runs, and while one agent follows another, is told: each access once, or counted.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use koney_tests::{
    agent::{self, Agent, until},
    ingest::Ingest,
    manifests,
    stage::{Stage, cat},
};
use serde_json::Value;

/// A folder of the test's own to pin below; nothing of it is left.
struct Pins(String);

impl Pins {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        Self(format!("/sys/fs/bpf/koney-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    fn detach(&self) -> Result<String> {
        let mut command = Command::new(agent::program()?);
        let answer = command.args(["detach", "--pins", &self.0]).stdin(Stdio::null()).output().context("run detach")?;
        ensure!(answer.status.success(), "{answer:?}");
        Ok(String::from_utf8(answer.stdout)?)
    }

    fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        self.detach().expect("nothing is left of the test");
    }
}

async fn armed(stage: &Stage, pins: &Pins, traps: usize) -> Result<Agent> {
    let agent = stage.start_pinned(&pins.0)?;
    agent.logged(&format!("traps armed={traps} traps={traps}")).await?;
    Ok(agent)
}

fn process(line: &str) -> Option<u32> {
    let alert: Value = serde_json::from_str(line).ok()?;
    alert.pointer("/process/pid")?.as_u64()?.try_into().ok()
}

/// The processes of all alert lines, in order of their numbers.
fn processes(lines: &[String]) -> Vec<u32> {
    let mut found: Vec<_> = lines.iter().filter_map(|line| process(line)).collect();
    found.sort_unstable();
    found
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn what_happens_while_the_agent_is_dead_is_told_once_with_its_time() -> Result<()> {
    let (stage, pins) = (Stage::new()?, Pins::new());
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let first = armed(&stage, &pins, 1).await?;
    let before = cat(&decoy)?;
    first.alerts(1).await?;
    first.kill().await?;
    let meanwhile = (0..100).map(|_| cat(&decoy)).collect::<Result<Vec<_>>>()?;
    let gone = Timestamp::now().as_second();
    // Twice: one that dies before it has taken over hinders nobody, and tells of itself to nobody.
    stage.start_pinned(&pins.0)?.kill().await?;
    let second = armed(&stage, &pins, 1).await?;
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
    let first = armed(&stage, &pins, 2).await?;
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
    armed(&stage, &pins, 1).await?.kill().await?;
    for _ in 0..ACCESSES {
        cat(&decoy)?;
    }
    let script = format!("for i in $(seq {ACCESSES}); do : < \"$0\"; done");
    let shell = Command::new("sh").args(["-c", &script, &decoy]).stdin(Stdio::null()).status().context("run the shell")?;
    ensure!(shell.success(), "the shell reads the decoy");
    let agent = armed(&stage, &pins, 1).await?;
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
    let first = armed(&stage, &pins, 1).await?;
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
    let second = armed(&stage, &pins, 1).await?;
    first.logged("another agent has taken over").await?;
    second.alerts(20).await?;
    stop.store(true, Ordering::Relaxed);
    let readers = intruder.join().expect("the intruder ends")?;
    let (first, second) = (first.stop().await?, second.stop().await?);
    ensure!(first.status.success() && second.status.success(), "{}\n{}", first.log, second.log);
    assert_eq!(processes(&[first.alerts, second.alerts].concat()), sorted(readers));
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn what_is_half_made_or_of_another_version_is_replaced_and_detaching_leaves_nothing() -> Result<()> {
    let (stage, pins) = (Stage::new()?, Pins::new());
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    for folder in ["v999-1", "v1-2", "new-1"] {
        fs::create_dir_all(Path::new(&pins.0).join(folder))?;
    }
    let agent = armed(&stage, &pins, 1).await?;
    agent.logged_times("what an earlier agent had left was taken over", 2).await?;
    cat(&decoy)?;
    agent.alerts(1).await?;
    agent.kill().await?;
    let removed = pins.detach()?;
    assert!(removed.lines().all(|line| line.starts_with("removed ")) && removed.contains(&pins.0), "{removed}");
    assert!(!Path::new(&pins.0).exists());
    assert!(pins.detach()?.starts_with("nothing is pinned below"));
    cat(&decoy)?;
    let agent = armed(&stage, &pins, 1).await?;
    let seen = cat(&decoy)?;
    agent.alerts(1).await?;
    let end = agent.stop().await?;
    assert_eq!(processes(&end.alerts), [seen], "nobody has watched in between");
    Ok(())
}
