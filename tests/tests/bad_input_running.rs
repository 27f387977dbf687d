//! What a user can get wrong and the agent lives with: the rest stays in force, alerts are kept, and mending it is enough.

use anyhow::{Context as _, Result};
use koney_tests::{
    agent::{Agent, End, said, until},
    ingest::Ingest,
    manifests::{Sink, policy_named},
    stage::{Stage, cat},
};
use serde_json::Value;

/// What is logged of a sink that cannot be used.
const MISCONFIGURED: &str = "ERROR sink misconfigured; its alerts are kept sink=koney-system/dynatrace error=sink \
                             koney-system/dynatrace:";

/// A stage whose one trap is armed, with these manifests for its sink.
async fn armed(stage: &Stage, sinks: &[(&str, String)]) -> Result<(String, Agent)> {
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &policy_named("good", &decoy))?;
    for (file, text) in sinks {
        stage.put(file, text)?;
    }
    Ok((decoy, stage.start_armed(1).await?))
}

/// The line is out and the endpoint has got nothing.
async fn held(agent: &Agent, ingest: &Ingest, decoy: &str) -> Result<u32> {
    let pid = cat(decoy)?;
    agent.alerts(1).await?;
    assert_eq!(ingest.attempts(), []);
    Ok(pid)
}

/// The held alert arrives; afterwards the agent ends well, with one line and one event.
async fn delivered(agent: Agent, ingest: &Ingest, pid: u32) -> Result<End> {
    let event = until(|| ingest.events().ok()?.pop())
        .await
        .with_context(|| format!("the kept alert did not arrive; the log:\n{}", agent.log()))?;
    assert_eq!(event.get("process.pid").and_then(Value::as_u64), Some(u64::from(pid)));
    let end = agent.stop().await?;
    assert_eq!(end.status.code(), Some(0), "{}", end.log);
    assert_eq!((end.alerts.len(), ingest.events()?.len()), (1, 1), "{}", end.log);
    assert!(!end.log.contains("panicked"), "{}", end.log);
    assert!(!end.log.contains(&ingest.token), "the token is never printed: {}", end.log);
    Ok(end)
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn broken_policies_leave_the_good_one_in_force() -> Result<()> {
    let stage = Stage::new()?;
    let decoys = ["syntax", "type", "relative"].map(|name| stage.plant(name));
    let [syntax, kind, relative] = decoys;
    let (syntax, kind, relative) = (syntax?, kind?, relative?);
    stage.put("a-syntax.yaml", &policy_named("syntax", &syntax).replace("metadata:", "metadata: ["))?;
    stage.put("b-type.yaml", &policy_named("type", &kind).replace("readOnly: true", "readOnly: [7]"))?;
    stage.put("c-relative.yaml", &policy_named("relative", relative.trim_start_matches('/')))?;
    let (decoy, agent) = armed(&stage, &[]).await?;
    for named in ["a-syntax.yaml", "b-type.yaml", "c-relative.yaml"] {
        agent.logged(&format!("manifest not in force file=\"{named}\" line=")).await?;
    }
    for path in [&syntax, &kind, &relative, &decoy] {
        cat(path)?;
    }
    let end = agent.stop().await?;
    assert_eq!(end.status.code(), Some(0), "{}", end.log);
    assert!(!end.log.contains("panicked"), "{}", end.log);
    let [line] = end.alerts.as_slice() else { anyhow::bail!("one good policy, one alert: {:?}", end.alerts) };
    let alert: Value = serde_json::from_str(line)?;
    assert_eq!((&alert["deception_policy_name"], &alert["metadata"]["file_path"]), (&"good".into(), &decoy.into()));
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn alerts_wait_for_a_missing_secret() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let sink = Sink::of("dynatrace", &ingest);
    let (decoy, agent) = armed(&stage, &[("sink.yaml", sink.resource())]).await?;
    assert_eq!(
        said(&agent.logged("sink misconfigured").await?),
        format!(
            "{MISCONFIGURED} Secret `dynatrace-ingest` was not found; create it in the namespace of the sink, with the keys `apiUrl` \
             and `apiToken` last_good_in_use=false"
        )
    );
    let pid = held(&agent, &ingest, &decoy).await?;
    stage.put("secret.yaml", &sink.secret())?;
    delivered(agent, &ingest, pid).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn alerts_wait_for_a_missing_key() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let sink = Sink::of("dynatrace", &ingest);
    let keyless = sink.secret().replace("apiToken:", "apiTokne:");
    let (decoy, agent) = armed(&stage, &[("sink.yaml", sink.resource()), ("secret.yaml", keyless)]).await?;
    assert_eq!(
        said(&agent.logged("sink misconfigured").await?),
        format!("{MISCONFIGURED} Secret `dynatrace-ingest` has no value under the key `apiToken`; add it last_good_in_use=false")
    );
    let pid = held(&agent, &ingest, &decoy).await?;
    stage.put("secret.yaml", &sink.secret())?;
    delivered(agent, &ingest, pid).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn no_token_goes_over_plain_http_unasked() -> Result<()> {
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let sink = Sink::of("dynatrace", &ingest);
    let plain = Sink { url: sink.url.replace("https:", "http:"), ..sink.clone() };
    let (decoy, agent) = armed(&stage, &[("sink.yaml", sink.resource()), ("secret.yaml", plain.secret())]).await?;
    assert_eq!(
        said(&agent.logged("sink misconfigured").await?),
        format!(
            "{MISCONFIGURED} the key `apiUrl` of Secret `dynatrace-ingest` cannot be used: over plain http anyone on the way can read \
             the credentials; use https, or set `spec.dynatrace.allowHttp: true` last_good_in_use=false"
        )
    );
    let pid = held(&agent, &ingest, &decoy).await?;
    assert_eq!(ingest.connections(), 0, "not even a connection was tried");
    stage.put("secret.yaml", &sink.secret())?;
    delivered(agent, &ingest, pid).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn an_endpoint_that_is_not_there_yet_gets_the_alert_when_it_is() -> Result<()> {
    let stage = Stage::new()?;
    let mut ingest = Ingest::absent(&stage.path("ingest")).await?;
    let sink = Sink::of("dynatrace", &ingest);
    let (decoy, agent) = armed(&stage, &[("sink.yaml", sink.resource()), ("secret.yaml", sink.secret())]).await?;
    let pid = held(&agent, &ingest, &decoy).await?;
    let told = said(&agent.logged("alert not delivered yet").await?);
    let (head, tail) = told.split_once(" event.id=").context("the event is named")?;
    assert_eq!(head, "WARN alert not delivered yet; it is kept and tried again sink=koney-system/dynatrace");
    let reason = "reason=\"no answer of 127.0.0.1: error sending request: client error (Connect): tcp connect error: Connection \
                  refused (os error 111); check the address, and that this node may reach it (firewall, NetworkPolicy, proxy)\" queued=1 \
                  wait_ms=";
    assert!(tail.contains(reason), "{told}");
    let id = tail.split('"').nth(1).context("the id is quoted")?;
    ingest.appear().await?;
    let end = delivered(agent, &ingest, pid).await?;
    assert_eq!(ingest.attempts().iter().map(|attempt| attempt.event_id.as_str()).collect::<Vec<_>>(), [id]);
    assert!(end.log.contains(&format!("alert delivered sink=koney-system/dynatrace event.id=\"{id}\"")), "{}", end.log);
    Ok(())
}
