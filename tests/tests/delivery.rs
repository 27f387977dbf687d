//! From an access to the endpoint: who may send, what happens when it is refused, and that nothing is lost or sent twice.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::StatusCode;
use koney_tests::{
    agent::{Agent, until},
    ingest::{Attempt, Ingest, TokenKind},
    manifests::{self, POLICY, Sink},
    stage::{Stage, cat},
};
use serde_json::Value;

/// One decoy with its policy, and these manifests for the endpoints.
async fn armed(stage: &Stage, sinks: &[(&str, String)]) -> Result<(String, Agent)> {
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    for (file, text) in sinks {
        stage.put(file, text)?;
    }
    Ok((decoy, stage.start_armed(1).await?))
}

/// The one event of an endpoint that has got it.
async fn arrival(ingest: &Ingest) -> Result<Value> {
    until(|| ingest.events().ok()?.pop()).await.context("no event arrived at the endpoint")
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn attempt(status: u16, authorization: &str, event: &Value) -> Attempt {
    Attempt { status, authorization: authorization.to_owned(), event_id: text(event, "event.id").to_owned() }
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn each_kind_of_token_goes_under_its_own_scheme() -> Result<()> {
    for (kind, scheme) in [(TokenKind::Access, "Api-Token dt0c01."), (TokenKind::Platform, "Bearer dt0s16.")] {
        let stage = Stage::new()?;
        let ingest = Ingest::start_for(&stage.path("ingest"), kind).await?;
        let (decoy, agent) = armed(&stage, &[("sink.yaml", manifests::sink(&ingest))]).await?;
        let pid = cat(&decoy)?;
        let event = arrival(&ingest).await?;
        assert_eq!(text(&event, "koney.deception_policy_name"), POLICY);
        assert_eq!(text(&event, "koney.metadata.file_path"), decoy);
        assert_eq!(event.get("process.pid").and_then(Value::as_u64), Some(u64::from(pid)));
        let end = agent.stop().await?;
        assert!(end.status.success(), "{}", end.log);
        let attempts = ingest.attempts();
        let [only] = attempts.as_slice() else { anyhow::bail!("one access is one request: {attempts:?}") };
        assert!(only.authorization.starts_with(scheme), "{}", only.authorization);
        assert_eq!(*only, attempt(202, &only.authorization, &event));
        assert!(!end.log.contains(&ingest.token), "the token is never printed: {}", end.log);
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn an_endpoint_that_stumbles_gets_the_event_once_and_under_one_id() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    ingest.answer_next([StatusCode::SERVICE_UNAVAILABLE; 2]);
    let (decoy, agent) = armed(&stage, &[("sink.yaml", manifests::sink(&ingest))]).await?;
    cat(&decoy)?;
    let event = arrival(&ingest).await?;
    let authorization = format!("Api-Token {}", ingest.token);
    let expected = [503, 503, 202].map(|status| attempt(status, &authorization, &event));
    assert_eq!(ingest.attempts(), expected);
    let told = format!(
        "alert not delivered yet; it is kept and tried again sink=koney-system/dynatrace event.id=\"{}\" reason=\"answer 503 \
         Service Unavailable: not now\" queued=1 wait_ms=",
        text(&event, "event.id")
    );
    agent.logged_times(&told, 2).await?;
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);
    assert_eq!((end.alerts.len(), ingest.events()?.len(), ingest.attempts().len()), (1, 1, 3), "{}", end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_rejected_token_holds_the_alert_until_its_secret_is_mended() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let good = Sink::of("dynatrace", &ingest);
    let bad = Sink { token: "dt0c01.REVOKED".to_owned(), ..good.clone() };
    let (decoy, agent) = armed(&stage, &[("sink.yaml", good.resource()), ("secret.yaml", bad.secret())]).await?;
    cat(&decoy)?;
    let told = agent
        .logged(
            "reason=\"answer 401 Unauthorized: token missing or invalid; the token is missing, wrong or revoked: check \
             `apiToken`\" queued=1 wait_ms=",
        )
        .await?;
    assert_eq!(ingest.accepted()?.len(), 0);
    assert_eq!(agent.alert_count(), agent.alerts(1).await?.len(), "the line does not wait for the endpoint");

    stage.put("secret.yaml", &good.secret())?;
    // By itself the agent would try again only after the pause that it has just announced: what comes before is due to the Secret.
    let pause = told.rsplit_once("wait_ms=").and_then(|(_, ms)| ms.parse().ok()).map(Duration::from_millis);
    let event = tokio::time::timeout(pause.context("the pause is told")?, arrival(&ingest))
        .await
        .with_context(|| format!("a mended Secret is used at once; the log:\n{}", agent.log()))??;
    let with = |token: &str| format!("Api-Token {token}");
    assert_eq!(ingest.attempts(), [attempt(401, &with("dt0c01.REVOKED"), &event), attempt(202, &with(&ingest.token), &event)]);
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);
    assert_eq!((end.alerts.len(), ingest.events()?.len()), (1, 1));
    assert!(!end.log.contains(&ingest.token) && !end.log.contains("dt0c01.REVOKED"), "{}", end.log);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_dead_sink_holds_up_no_other() -> Result<()> {
    let stage = Stage::new()?;
    let mut dead = Ingest::absent(&stage.path("dead")).await?;
    let live = Ingest::start(&stage.path("live")).await?;
    let both = [("a-dead", &dead), ("b-live", &live)].map(|(name, ingest)| Sink::of(name, ingest));
    let files = ["a.yaml", "b.yaml"].into_iter().zip(&both);
    let files: Vec<_> = files.map(|(file, sink)| (file, format!("{}---\n{}", sink.resource(), sink.secret()))).collect();
    let (decoy, agent) = armed(&stage, &files).await?;
    cat(&decoy)?;
    agent.logged("alert not delivered yet; it is kept and tried again sink=koney-system/a-dead").await?;
    cat(&decoy)?;
    until(|| (live.events().ok()?.len() == 2).then_some(())).await.context("the live endpoint waits for the dead one")?;
    agent.alerts(2).await?;
    let end = agent.stop().await?;
    assert!(end.status.success(), "{}", end.log);
    assert_eq!((end.alerts.len(), live.events()?.len(), dead.events()?.len()), (2, 2, 0));
    assert!(
        end.log.contains("not delivered before the end; they are kept for the next start sink=koney-system/a-dead alerts=2"),
        "{}",
        end.log
    );
    // The next agent delivers them, and nothing else again.
    dead.appear().await?;
    let agent = stage.start()?;
    let ids = |ingest: &Ingest| -> Option<Vec<Value>> {
        Some(ingest.events().ok()?.iter().map(|event| event["event.id"].clone()).collect())
    };
    until(|| (ids(&dead)? == ids(&live)?).then_some(())).await.context("what was kept is not delivered")?;
    let end = agent.stop().await?;
    assert_eq!((end.alerts.len(), live.events()?.len(), dead.events()?.len()), (0, 2, 2), "{}", end.log);
    Ok(())
}
