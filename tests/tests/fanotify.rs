//! The degraded detector, on this machine's own kernel: it needs root and fanotify, and no eBPF.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::{self, Agent, until},
    ingest::Ingest,
    manifests::{self, POLICY, policy_named},
    resident::{Resident, SCRIPT},
    stage::{CAT, Stage, cat, skip},
};
use serde_json::{Value, json};

/// Traps and processes of the flood: each process opens each trap, and no two of these opens become one event.
const FLOOD: usize = 130;

/// Fanotify can be tried here; where not, that is said.
fn usable(test: &str) -> Result<bool> {
    let answer = Command::new(agent::program()?).args(["probe", "--attach", "fanotify"]).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    match answer.status.code() {
        Some(0) => {
            assert!(said.starts_with("detection is possible here: kernel ") && said.contains("degraded: "), "{said}");
            Ok(true)
        }
        Some(69 | 77) => {
            skip(test, &said)?;
            Ok(false)
        }
        code => anyhow::bail!("the probe ended with {code:?}: {said}"),
    }
}

async fn armed(stage: &Stage, traps: usize) -> Result<Agent> {
    let agent = stage.start_with(&["--attach", "fanotify"])?;
    agent.logged(&format!("traps armed={traps} traps={traps}")).await?;
    Ok(agent)
}

/// `FILE PID` of an alert line.
fn told(line: &str) -> Result<(String, u64)> {
    let alert: Value = serde_json::from_str(line)?;
    let file = alert.pointer("/metadata/file_path").and_then(Value::as_str).context("the trap is named")?;
    Ok((file.to_owned(), alert.pointer("/process/pid").and_then(Value::as_u64).context("the process is named")?))
}

/// Ends the agent, which must end well, and gives what it told.
async fn all(agent: Agent) -> Result<Vec<(String, u64)>> {
    let end = agent.stop().await?;
    ensure!(end.status.code() == Some(0), "{}", end.log);
    end.alerts.iter().map(|line| told(line)).collect()
}

#[tokio::test]
async fn a_process_that_stays_is_told_in_full_and_its_opens_are_counted() -> Result<()> {
    if !usable("a_process_that_stays_is_told_in_full_and_its_opens_are_counted")? {
        return Ok(());
    }
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    stage.put("sink.yaml", &manifests::sink(&ingest))?;
    let agent = armed(&stage, 1).await?;
    let mut intruder = Resident::start()?;
    for open in 1..=3 {
        intruder.open(&decoy)?;
        agent.alerts(open).await?;
    }
    until(|| ingest.events().ok().filter(|events| events.len() == 1)).await?;
    let end = agent.stop().await?;
    // Each open has a line; the sink is told of the first at once, and of the others in one event.
    let events = ingest.events()?;
    assert_eq!((end.status.code(), end.alerts.len(), events.len()), (Some(0), 3, 2), "{}", end.log);
    assert_eq!((&events[0]["koney.repeat_count"], &events[1]["koney.repeat_count"]), (&Value::Null, &json!("2")));
    let shell = fs::canonicalize("/bin/sh")?.into_os_string().into_string().ok().context("the shell has a name")?;
    let uid = rustix::process::getuid().as_raw();
    let arguments = format!("-c {SCRIPT}");
    for (line, event) in end.alerts.iter().zip(&events) {
        let alert: Value = serde_json::from_str(line)?;
        let process = json!({"uid": uid, "pid": intruder.pid(), "cwd": "/", "binary": shell, "arguments": arguments});
        assert_eq!(alert["process"], process);
        assert_eq!((&alert["deception_policy_name"], &alert["metadata"]["file_path"]), (&json!(POLICY), &json!(decoy)));
        for (field, value) in [
            ("koney.detector", json!("fanotify")),
            ("koney.operation", json!("open")),
            ("koney.process.comm", json!("sh")),
            ("koney.process.parent.pid", json!(std::process::id().to_string())),
            ("process.pid", json!(intruder.pid())),
            ("koney.accessed_path", Value::Null),
        ] {
            assert_eq!(event[field], value, "{field} of {event}");
        }
        assert!(event["koney.process.start_time"].is_string() && event["koney.process.capabilities"].is_string(), "{event}");
    }
    Ok(())
}

#[tokio::test]
async fn a_decoy_is_known_by_any_name_and_wherever_it_goes() -> Result<()> {
    if !usable("a_decoy_is_known_by_any_name_and_wherever_it_goes")? {
        return Ok(());
    }
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let decoy = stage.plant("token")?;
    let name = |name: &str| format!("{decoy}.{name}");
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    stage.put("sink.yaml", &manifests::sink(&ingest))?;
    let agent = armed(&stage, 1).await?;
    let mut intruder = Resident::start()?;
    fs::hard_link(&decoy, name("link"))?;
    std::os::unix::fs::symlink(&decoy, name("symlink"))?;
    intruder.open(&name("link"))?;
    agent.alerts(1).await?;
    intruder.open(&name("symlink"))?;
    agent.alerts(2).await?;
    fs::rename(&decoy, name("moved"))?;
    intruder.open(&name("moved"))?;
    agent.alerts(3).await?;
    // A short-lived process may be gone before anyone can ask about it; that it was there is told all the same.
    let short = cat(&name("moved"))?;
    agent.alerts(4).await?;
    let events = until(|| ingest.events().ok().filter(|events| events.len() == 4)).await?;
    let paths: Vec<_> = events.iter().map(|event| event["koney.accessed_path"].as_str()).collect();
    let (link, moved) = (name("link"), name("moved"));
    assert_eq!(paths, [Some(link.as_str()), None, Some(moved.as_str()), Some(moved.as_str())]);
    let pids = [intruder.pid(), intruder.pid(), intruder.pid(), short];
    assert_eq!(all(agent).await?, pids.map(|pid| (decoy.clone(), pid.into())));
    Ok(())
}

#[tokio::test]
async fn a_decoy_planted_late_and_one_put_in_its_place_are_watched() -> Result<()> {
    if !usable("a_decoy_planted_late_and_one_put_in_its_place_are_watched")? {
        return Ok(());
    }
    let stage = Stage::new()?;
    let decoy = stage.path("late").into_os_string().into_string().ok().context("text")?;
    stage.put("late.yaml", &policy_named("late", &decoy))?;
    let agent = stage.start_with(&["--attach", "fanotify"])?;
    agent.logged("state=missing").await?;
    stage.plant("late")?;
    agent.logged("state=armed").await?;
    let mut intruder = Resident::start()?;
    intruder.open(&decoy)?;
    agent.alerts(1).await?;
    let former = format!("{decoy}.former");
    fs::rename(&decoy, &former)?;
    stage.plant("late")?;
    agent.logged("state=replaced").await?;
    intruder.open(&decoy)?;
    agent.alerts(2).await?;
    intruder.open(&former)?;
    agent.alerts(3).await?;
    assert_eq!(all(agent).await?, vec![(decoy.clone(), u64::from(intruder.pid())); 3]);
    Ok(())
}

#[tokio::test]
async fn the_agents_own_opens_and_those_of_former_traps_are_no_accesses() -> Result<()> {
    if !usable("the_agents_own_opens_and_those_of_former_traps_are_no_accesses")? {
        return Ok(());
    }
    let stage = Stage::new()?;
    // The agent reads its manifests, all of them whenever one changes.
    let manifest = stage.manifests().join("first.yaml").into_os_string().into_string().ok().context("text")?;
    let second = stage.plant("second")?;
    stage.put("first.yaml", &policy_named("first", &manifest))?;
    let agent = armed(&stage, 1).await?;
    stage.put("second.yaml", &policy_named("second", &second))?;
    agent.logged("traps armed=2 traps=2").await?;
    stage.remove("second.yaml")?;
    agent.logged("trap removed").await?;
    cat(&second)?;
    let pid = cat(&manifest)?;
    agent.alerts(1).await?;
    assert_eq!(all(agent).await?, [(manifest, u64::from(pid))]);
    Ok(())
}

#[tokio::test]
async fn a_queue_that_overflows_is_told_and_does_not_end_the_watch() -> Result<()> {
    let test = "a_queue_that_overflows_is_told_and_does_not_end_the_watch";
    if !usable(test)? {
        return Ok(());
    }
    let limit = fs::read_to_string("/proc/sys/fs/fanotify/max_queued_events").unwrap_or_else(|_| "16384".to_owned());
    if limit.trim().parse::<usize>()? >= FLOOD * FLOOD {
        skip(test, "this kernel's queue takes more events than the test makes")?;
        return Ok(());
    }
    let stage = Stage::new()?;
    let decoys: Vec<_> = (0..FLOOD).map(|number| stage.plant(&format!("token-{number}"))).collect::<Result<_>>()?;
    let policies: Vec<_> = decoys.iter().enumerate().map(|(number, path)| policy_named(&format!("p{number}"), path)).collect();
    stage.put("policies.yaml", &policies.join("---\n"))?;
    let agent = armed(&stage, FLOOD).await?;
    agent.freeze().await?;
    for _ in 0..FLOOD {
        let status = Command::new(CAT).args(&decoys).stdout(Stdio::null()).status()?;
        ensure!(status.success(), "cat ended with {status}");
    }
    agent.thaw()?;
    agent.logged("accesses went unreported times=1 total=1 cause=\"the queue was full").await?;
    let before = agent.alert_count();
    let mut intruder = Resident::start()?;
    intruder.open(&decoys[0])?;
    let last = (decoys[0].clone(), u64::from(intruder.pid()));
    let mut seen = before;
    until(|| {
        let lines = agent.lines();
        let found = lines.iter().skip(seen).any(|line| told(line).is_ok_and(|told| told == last));
        seen = lines.len();
        found.then_some(())
    })
    .await
    .context("the watch has ended with the flood")?;
    agent.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fanotify_keeps_watch_where_ebpf_is_refused() -> Result<()> {
    let test = "fanotify_keeps_watch_where_ebpf_is_refused";
    if !usable(test)? {
        return Ok(());
    }
    if Command::new(agent::program()?).arg("probe").stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
        skip(test, "this kernel takes the programs")?;
        return Ok(());
    }
    let stage = Stage::new()?;
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let agent = stage.start_armed(1).await?;
    agent.logged("no detection by eBPF; fanotify keeps watch instead reason=").await?;
    agent.logged("watching opens; the canary was seen").await?;
    agent.logged("detection is degraded").await?;
    let pid = cat(&decoy)?;
    agent.alerts(1).await?;
    assert_eq!(all(agent).await?, [(decoy, u64::from(pid))]);
    Ok(())
}
