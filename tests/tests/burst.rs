//! One process that opens a decoy again and again: told at once, and summed up when it is over.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use koney_tests::{
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
