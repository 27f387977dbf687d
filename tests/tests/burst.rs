//! One process that opens a decoy again and again: told at once, and summed up when it is over.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use koney_tests::{
    agent::until,
    ingest::Ingest,
    manifests,
    stage::{Stage, cat},
};
use serde_json::Value;

/// How often the shell opens the decoy; a builtin, so that it is one process.
const ACCESSES: usize = 300;

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_burst_is_two_alerts_and_hides_nobody_else() -> Result<()> {
    let stage = Stage::new()?;
    let (noisy, quiet) = (stage.plant("noisy")?, stage.plant("quiet")?);
    let ingest = Ingest::start(&stage.path("")).await?;
    stage.put("sink.yaml", &manifests::sink(&ingest))?;
    stage.put("noisy.yaml", &manifests::policy(&noisy))?;
    stage.put("quiet.yaml", &manifests::policy(&quiet).replace(manifests::POLICY, "quiet"))?;
    let agent = stage.start_armed(2).await?;

    let script = format!("for i in $(seq {ACCESSES}); do : < \"$0\"; done");
    let shell = Command::new("sh").args(["-c", &script, &noisy]).stdin(Stdio::null()).status().context("run the shell")?;
    assert!(shell.success());
    cat(&quiet)?;
    agent.alerts(2).await?;
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);

    let events = ingest.events()?;
    let of =
        |policy: &str| -> Vec<&Value> { events.iter().filter(|event| event["koney.deception_policy_name"] == policy).collect() };
    assert_eq!(of("quiet").len(), 1);
    let noisy = of(manifests::POLICY);
    let [first, summary] = noisy.as_slice() else { anyhow::bail!("{} events of the burst: {noisy:?}", noisy.len()) };
    assert_eq!(first.get("koney.repeat_count"), None);
    assert_eq!(summary["koney.repeat_count"], (ACCESSES - 1).to_string());
    assert_eq!(summary["event.start"], first["event.start"], "the burst begins with its first access");
    assert!(summary["event.end"].as_str() > summary["event.start"].as_str());
    assert_ne!(summary["event.id"], first["event.id"]);
    for field in ["process.pid", "process.executable.arguments", "process.cwd", "event.description"] {
        assert_eq!(summary[field], first[field], "{field}");
    }
    assert_eq!(end.alerts.len(), 3);
    fs::metadata(stage.path("noisy")).context("the decoy is still there")?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_full_ring_is_told_with_its_count() -> Result<()> {
    // The ring holds some six hundred records.
    const INTRUDERS: usize = 800;
    let stage = Stage::new()?;
    let decoy = stage.plant("token")?;
    let ingest = Ingest::start(&stage.path("")).await?;
    stage.put("sink.yaml", &manifests::sink(&ingest))?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let agent = stage.start_armed(1).await?;
    agent.freeze().await?;
    for _ in 0..INTRUDERS {
        cat(&decoy)?;
    }
    agent.thaw()?;
    // What is in the ring is told, and so is what was not; that stands last in the sink's queue.
    let gap = |event: &Value| event["finding.type"] == "KONEY_COVERAGE";
    until(|| ingest.events().ok().filter(|events| events.iter().any(gap))).await?;
    let end = agent.stop().await?;
    let gaps: Vec<_> = ingest.events()?.into_iter().filter(|event| event["finding.type"] == "KONEY_COVERAGE").collect();
    let [gap] = gaps.as_slice() else { anyhow::bail!("{} coverage events; {}", gaps.len(), end.log) };
    let lost: usize = gap["koney.coverage.count"].as_str().context("a count")?.parse()?;
    assert!(lost > 0);
    assert_eq!(end.alerts.len() - 1 + lost, INTRUDERS, "told and lost are all there were");
    let host = gap["object.name"].as_str().context("a host")?;
    let sentence = format!("Coverage gap on node ({host}): records dropped because the ring was full ({lost})");
    assert_eq!(gap["event.description"], sentence);
    assert_eq!((&gap["finding.severity"], &gap["koney.trap_type"]), (&"MEDIUM".into(), &"unknown".into()));
    assert_eq!((gap.get("koney.deception_policy_name"), gap.get("process.pid"), gap.get("koney.operation")), (None, None, None));
    Ok(())
}
