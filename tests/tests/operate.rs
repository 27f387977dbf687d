//! What root asks of a running agent, by the commands that a person types. It needs root and fanotify, and no eBPF.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use hyper::StatusCode;
use koney_tests::{
    agent::{self, Agent, until},
    ingest::Ingest,
    manifests::{self, Sink},
    stage::{Stage, cat, skip},
};
use serde_json::Value;

/// What a command printed, and how it ended.
fn ask(stage: &Stage, words: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(agent::program()?);
    command.args(words).arg("--state").arg(stage.path("state")).stdin(Stdio::null());
    let output = command.output().context("start the command")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&text).trim().to_owned()))
}

/// This machine lets an agent run; else that is said.
fn lets_one_run(test: &str) -> Result<bool> {
    let probe = Command::new(agent::program()?).args(["probe", "--attach", "fanotify"]).stdin(Stdio::null()).output()?;
    if !probe.status.success() {
        skip(test, String::from_utf8_lossy(&probe.stdout).trim())?;
    }
    Ok(probe.status.success())
}

/// An agent with a sink, where this machine lets one run.
async fn running(test: &str, stage: &Stage, ingest: &Ingest) -> Result<Option<(Agent, String)>> {
    if !lets_one_run(test)? {
        return Ok(None);
    }
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    stage.put("sink.yaml", &manifests::sink(ingest))?;
    let agent = stage.start_with(&["--attach", "fanotify"])?;
    agent.logged("traps armed=1 traps=1").await?;
    agent.logged("root can talk to this agent").await?;
    Ok(Some((agent, decoy)))
}

// The endpoint answers while the command waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_is_tried_and_says_what_its_endpoint_answered() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let nobody = ask(&stage, &["sink", "test", "dynatrace"])?;
    ensure!(nobody.0 == Some(69) && nobody.1.contains("no agent answers at "), "{nobody:?}");
    let test = "a_sink_is_tried_and_says_what_its_endpoint_answered";
    let Some((agent, _)) = running(test, &stage, &ingest).await? else { return Ok(()) };

    let (code, said) = ask(&stage, &["sink", "test", "dynatrace"])?;
    let events = ingest.events()?;
    let [event] = events.as_slice() else { anyhow::bail!("{} events: {said}", events.len()) };
    let id = event["event.id"].as_str().unwrap_or_default();
    let (before, after) = said.split_once(" in ").context("it tells how long it took")?;
    assert_eq!((code, before), (Some(0), format!("dynatrace: test alert {id}: delivered").as_str()));
    let (milliseconds, answer) = after.split_once(" ms: ").context("in milliseconds")?;
    ensure!(milliseconds.parse::<u64>().is_ok() && answer == "answer 202 Accepted", "{said}");
    let (code, said) = ask(&stage, &["sink", "test", "stdout"])?;
    ensure!(code == Some(0) && said.ends_with(" ms: taken"), "{said}");
    let title = event["finding.title"].as_str().unwrap_or_default();
    ensure!(title.starts_with("Test of this sink by koney on node ("), "it must say that it is a test: {title}");

    ingest.answer_next([StatusCode::UNAUTHORIZED]);
    let (code, said) = ask(&stage, &["sink", "test", "dynatrace"])?;
    ensure!(code == Some(1) && said.contains("401") && said.contains("apiToken"), "{said}");
    let (code, said) = ask(&stage, &["sink", "test", "absent"])?;
    ensure!(code == Some(1) && said.contains("there is no sink absent in this agent; name one of stdout, dynatrace"), "{said}");
    ensure!(!agent.log().contains(&ingest.token), "{}", agent.log());
    agent.stop().await.map(drop)
}

#[tokio::test]
async fn what_a_sink_will_never_take_is_kept_shown_and_sent_again() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let test = "what_a_sink_will_never_take_is_kept_shown_and_sent_again";
    let Some((agent, decoy)) = running(test, &stage, &ingest).await? else { return Ok(()) };
    assert_eq!(ask(&stage, &["deadletter", "list"])?, (Some(0), "no dead letters".to_owned()));
    ingest.answer_next([StatusCode::BAD_REQUEST]);
    cat(&decoy)?;
    agent.logged("alert rejected; it is kept among the dead letters").await?;
    // Another agent has it as well.
    agent.stop().await?;
    let agent = stage.start_with(&["--attach", "fanotify"])?;
    agent.logged("root can talk to this agent").await?;

    let listed = || -> Result<Vec<Value>> {
        let (_, printed) = ask(&stage, &["deadletter", "list", "-o", "json", "--sink", "dynatrace"])?;
        serde_json::from_str(&printed).with_context(|| printed.clone())
    };
    let letters = until(|| listed().ok().filter(|letters| !letters.is_empty())).await?;
    let [letter] = letters.as_slice() else { anyhow::bail!("{letters:?}") };
    let id = letter["id"].as_str().context("it has an id")?.to_owned();
    ensure!(letter["reason"].as_str().is_some_and(|reason| reason.contains("400")), "{letter}");
    let (code, shown) = ask(&stage, &["deadletter", "show", &id])?;
    ensure!(code == Some(0) && shown.contains(&decoy) && shown.contains("400"), "{shown}");

    assert_eq!(ask(&stage, &["deadletter", "retry", &id])?, (Some(0), "1 queued again".to_owned()));
    let event = until(|| ingest.events().ok()?.pop()).await?;
    assert_eq!(event["event.id"].as_str(), Some(id.as_str()));
    assert_eq!(listed()?.len(), 0);
    assert_eq!(ask(&stage, &["deadletter", "drop", &id])?, (Some(1), "0 forgotten".to_owned()));
    agent.stop().await.map(drop)
}

#[tokio::test]
async fn status_has_everything_as_json_and_the_worst_as_a_table() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let (code, said) = ask(&stage, &["status"])?;
    ensure!(code == Some(69) && said.contains("no agent answers at "), "{said}");
    let test = "status_has_everything_as_json_and_the_worst_as_a_table";
    let Some((agent, decoy)) = running(test, &stage, &ingest).await? else { return Ok(()) };
    cat(&decoy)?;
    cat(&decoy)?;
    agent.alerts(2).await?;
    let status = || -> Option<Value> {
        let (code, printed) = ask(&stage, &["status", "-o", "json"]).ok()?;
        (code == Some(0)).then(|| serde_json::from_str(&printed).ok()).flatten()
    };
    let delivered = |status: &Value| status["sinks"].as_array().is_some_and(|sinks| sinks.iter().all(|sink| sink["queued"] == 0));
    let status = until(|| status().filter(delivered)).await.context("all is well")?;
    assert_eq!((&status["version"], &status["detection"]["method"]), (&1.into(), &"fanotify".into()));
    let trap = &status["traps"][0];
    assert_eq!((&trap["path"], &trap["state"], &trap["accesses"]), (&decoy.as_str().into(), &"armed".into(), &2.into()));
    assert_eq!(trap["policies"][0], manifests::POLICY);
    ensure!(trap["last_access"].is_string() && trap.get("container").is_none(), "{trap}");
    let sinks: Vec<_> = status["sinks"].as_array().into_iter().flatten().map(|sink| (&sink["name"], &sink["state"])).collect();
    assert_eq!(sinks, [(&"stdout".into(), &"delivering".into()), (&"dynatrace".into(), &"delivering".into())]);
    assert_eq!(status["accesses"].as_array().map(Vec::len), Some(2));
    // Why it is not eBPF is told as well: it was not asked for, so nothing was refused.
    assert_eq!(status["detection"]["refused"].as_array().map(Vec::len), Some(0));

    stage.put("absent.yaml", &manifests::policy_named("absent", &stage.path("nothing").to_string_lossy()))?;
    agent.logged("traps armed=1 traps=2").await?;
    let (code, table) = ask(&stage, &["status"])?;
    ensure!(code == Some(1) && table.contains("TRAPS: 1 missing, 1 armed"), "{table}");
    let (code, table) = ask(&stage, &["status", "--problems"])?;
    ensure!(code == Some(1) && table.contains("1 is missing: ") && !table.contains("SINKS"), "{table}");
    let (_, table) = ask(&stage, &["status", "--policy", "absent"])?;
    ensure!(table.contains("TRAPS: 1 missing\n") && table.contains("LAST ACCESSES: none"), "{table}");
    agent.stop().await.map(drop)
}

#[tokio::test]
async fn the_log_is_one_object_a_line_and_its_level_changes_while_it_runs() -> Result<()> {
    let stage = Stage::new()?;
    let test = "the_log_is_one_object_a_line_and_its_level_changes_while_it_runs";
    if !lets_one_run(test)? {
        return Ok(());
    }
    // Whoever may write a policy may write this.
    let hostile = stage.plant("a\u{1b}[2J\u{202e}b")?;
    stage.put("policy.yaml", &manifests::policy(&serde_json::to_string(&hostile)?))?;
    let agent = stage.start_with(&["--attach", "fanotify", "--log-format", "json"])?;
    agent.logged("\"message\":\"traps\"").await?;
    agent.logged("root can talk to this agent").await?;
    assert_eq!(ask(&stage, &["log"])?, (Some(0), "info".to_owned()));
    assert_eq!(ask(&stage, &["log", "debug"])?, (Some(0), "debug".to_owned()));
    cat(&hostile)?;
    let settled = agent.logged("\"level\":\"DEBUG\"").await?;
    ensure!(settled.contains("\"target\":\"koney_agent::"), "{settled}");
    let (code, said) = ask(&stage, &["log", "loud"])?;
    ensure!(code == Some(64) && said.contains("[possible values: error, warn, info, debug, trace]"), "{said}");
    let end = agent.stop().await?;
    for line in end.log.lines() {
        let object: Value = serde_json::from_str(line).with_context(|| format!("one object: {line}"))?;
        ensure!(object["timestamp"].is_string() && object["level"].is_string() && object["message"].is_string(), "{line}");
        ensure!(!line.contains(['\u{1b}', '\u{202e}']), "{line:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_late_at_the_end_is_named_with_its_reason() -> Result<()> {
    let stage = Stage::new()?;
    let test = "what_is_late_at_the_end_is_named_with_its_reason";
    if !lets_one_run(test)? {
        return Ok(());
    }
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let absent = Ingest::absent(&stage.path("absent")).await?;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let hanging = Sink { url: format!("https://{}", silent.local_addr()?), ..Sink::of("hanging", &absent) };
    for sink in [Sink::of("absent", &absent), hanging] {
        stage.put(&format!("{}.yaml", sink.name), &format!("{}---\n{}", sink.resource(), sink.secret()))?;
    }
    let agent = stage.start_with(&["--attach", "fanotify"])?;
    agent.logged("traps armed=1 traps=1").await?;
    cat(&decoy)?;
    agent.logged("alert not delivered yet; it is kept and tried again sink=koney-system/absent").await?;
    let _held = silent.accept().context("the other sink is tried")?;
    let end = agent.stop().await?;
    ensure!(end.status.success(), "{}", end.log);
    let told = |sink: &str| {
        let line = end.log.lines().find(|line| line.contains("not delivered before the end") && line.contains(sink));
        line.with_context(|| format!("{sink} is not named: {}", end.log))
    };
    let absent = told("koney-system/absent")?;
    ensure!(absent.contains(" alerts=1 late=") && absent.contains(" reason=\"no answer of 127.0.0.1: "), "{absent}");
    // Which of the two it is depends on whether an attempt has ended.
    let hanging = told("koney-system/hanging")?;
    let reason = hanging.split_once(" alerts=1 late=true reason=").context("how many, and why")?.1;
    ensure!(
        reason.starts_with("\"no answer of 127.0.0.1 in time: ") || reason == "\"the receiver has not answered in time\"",
        "{reason}"
    );
    Ok(())
}
