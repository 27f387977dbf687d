//! What root asks of a running agent, by the commands that a person types. It needs root and fanotify, and no eBPF.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use hyper::StatusCode;
use koney_tests::{
    agent::{self, Agent, until},
    ingest::Ingest,
    manifests,
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

/// An agent with a sink, where this machine lets one run.
async fn running(test: &str, stage: &Stage, ingest: &Ingest) -> Result<Option<(Agent, String)>> {
    let probe = Command::new(agent::program()?).args(["probe", "--attach", "fanotify"]).stdin(Stdio::null()).output()?;
    if !probe.status.success() {
        skip(test, String::from_utf8_lossy(&probe.stdout).trim())?;
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
    assert_eq!(
        (code, said),
        (Some(0), format!("dynatrace: test alert {}: the endpoint took it", event["event.id"].as_str().unwrap_or_default()))
    );
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
