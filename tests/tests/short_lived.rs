//! Processes that are gone long before anyone could ask about them: each is told in full, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::{Agent, until},
    ingest::Ingest,
    manifests::{self, POLICY},
    stage::{CAT, Stage},
};
use serde_json::{Value, json};

/// Processes, one access each.
const PROCESSES: usize = 1000;
/// Processes that run at a time.
const AT_ONCE: usize = 20;

/// What must be told of one process.
struct Intruder {
    pid: u32,
    parent: String,
    cwd: String,
}

/// Starts them all, each with arguments and a working directory of its own; the arguments name it.
fn intrude(stage: &Stage, decoy: &str) -> Result<BTreeMap<String, Intruder>> {
    let mut intruders = BTreeMap::new();
    let mut running: Vec<Child> = Vec::new();
    // A thread is a parent under its own name.
    let parent = fs::read_to_string("/proc/self/comm")?.trim_end().to_owned();
    for number in 0..PROCESSES {
        let cwd = stage.path(&format!("cwd-{number}"));
        fs::create_dir(&cwd).context("make a working directory")?;
        let name = format!("x{number}");
        // The second file does not exist, about which cat complains.
        let mut cat = Command::new(CAT);
        cat.args(["--", decoy, &name]).current_dir(&cwd).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = cat.spawn().context("start cat")?;
        let cwd = cwd.into_os_string().into_string().ok().context("the temporary folder's name is text")?;
        intruders.insert(format!("-- {decoy} {name}"), Intruder { pid: child.id(), parent: parent.clone(), cwd });
        running.push(child);
        if running.len() == AT_ONCE {
            end(&mut running)?;
        }
    }
    end(&mut running)?;
    Ok(intruders)
}

fn end(running: &mut Vec<Child>) -> Result<()> {
    for mut child in running.drain(..) {
        let status = child.wait().context("wait for cat")?;
        ensure!(status.code() == Some(1), "cat cannot have found its second file: {status}");
    }
    Ok(())
}

/// Waits for as long as more keep coming: a thousand deliveries take an emulated machine a while.
async fn all_arrived(agent: &Agent, ingest: &Ingest) -> Result<()> {
    let mut before = 0;
    while before < PROCESSES {
        before = until(|| Some(ingest.events().ok()?.len()).filter(|now| *now > before))
            .await
            .with_context(|| format!("{before} of {PROCESSES} events arrived; the log:\n{}", tail(&agent.log())))?;
    }
    Ok(())
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(20)).copied().collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_thousand_processes_that_end_at_once_are_all_told_in_full() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    stage.put("sink.yaml", &manifests::sink(&ingest))?;
    let agent = stage.start_armed(1).await?;
    let intruders = intrude(&stage, &decoy)?;
    all_arrived(&agent, &ingest).await?;
    let done = agent.stop().await?;
    ensure!(done.status.success(), "{}", tail(&done.log));

    assert_eq!(done.alerts.len(), PROCESSES, "{}", tail(&done.log));
    let mut unseen: BTreeSet<&str> = intruders.keys().map(String::as_str).collect();
    for line in &done.alerts {
        let alert: Value = serde_json::from_str(line).context("a line is JSON")?;
        let name = alert.pointer("/process/arguments").and_then(Value::as_str).unwrap_or_default();
        let intruder = intruders.get(name).with_context(|| format!("nobody did this: {line}"))?;
        assert!(unseen.remove(name), "told twice: {line}");
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(
            alert["process"],
            json!({"uid": uid, "pid": intruder.pid, "cwd": intruder.cwd, "binary": executable()?, "arguments": name})
        );
        assert_eq!((&alert["deception_policy_name"], &alert["metadata"]["file_path"]), (&json!(POLICY), &json!(decoy)));
    }
    assert_eq!(unseen, BTreeSet::new());

    let events = ingest.events()?;
    assert_eq!(events.len(), PROCESSES);
    let mut unseen: BTreeSet<&str> = intruders.keys().map(String::as_str).collect();
    let mut ids = BTreeSet::new();
    for event in &events {
        let name = event["process.executable.arguments"].as_str().unwrap_or_default();
        let intruder = intruders.get(name).with_context(|| format!("nobody did this: {event}"))?;
        assert!(unseen.remove(name), "told twice: {event}");
        assert_eq!(event_of(event), expected(intruder)?, "{event}");
        let id = event["event.id"].as_str().context("the event has an id")?;
        assert!(ids.insert(id), "the id of two: {event}");
    }
    ensure!(ingest.attempts().iter().all(|attempt| attempt.status == 202), "what was taken at once was not sent twice");
    Ok(())
}

fn executable() -> Result<String> {
    fs::canonicalize(CAT)?.into_os_string().into_string().ok().context("cat has a name")
}

/// The part of an event that describes the process.
fn event_of(event: &Value) -> Value {
    let fields = [
        "process.pid",
        "process.cwd",
        "process.executable.name",
        "process.executable.path",
        "koney.process.executable",
        "koney.process.comm",
        "koney.process.tid",
        "koney.process.parent.pid",
        "koney.process.parent.comm",
    ];
    fields.into_iter().map(|field| (field.to_owned(), event[field].clone())).collect::<serde_json::Map<_, _>>().into()
}

fn expected(intruder: &Intruder) -> Result<Value> {
    let executable = executable()?;
    let path = Path::new(&executable);
    Ok(json!({
        "process.pid": intruder.pid,
        "process.cwd": intruder.cwd,
        "process.executable.name": path.file_name().and_then(|name| name.to_str()),
        "process.executable.path": path.parent().and_then(Path::to_str),
        "koney.process.executable": executable,
        "koney.process.comm": "cat",
        "koney.process.tid": intruder.pid.to_string(),
        "koney.process.parent.pid": std::process::id().to_string(),
        "koney.process.parent.comm": intruder.parent,
    }))
}
