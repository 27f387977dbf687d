//! What Prometheus makes of a real agent: its page, every query of the dashboard, every rule.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use koney_agent::admin::metrics::names::{ALL, Declared};
use koney_tests::{
    agent::{Agent, until},
    ingest::Ingest,
    manifests::{self, Sink, policy_named},
    prometheus::{Asked, Prometheus, promtool, selectors},
    receivers::{free, get, get_as},
    resident::Resident,
    stage::{Stage, has_fanotify},
};
use serde_json::Value;

/// What has no data here, and why. Everything else that is asked for must have some.
const EMPTY: [(&str, &str); 5] = [
    ("koney_kernel_", "fanotify keeps watch, and does not count"),
    ("koney_cluster_", "the policies come from a folder"),
    ("koney_pods", "the policies come from a folder"),
    ("koney_containers", "the policies come from a folder"),
    ("absent(", "there is an agent"),
];
/// What Grafana puts into queries.
const VARIABLES: [(&str, &str); 3] = [("$instance", ".*"), ("$__rate_interval", "30s"), ("$__range", "1m")];

/// What some rules make of the stage.
const STATES: [(&str, &str); 9] = [
    ("KoneyTrapReplaced", "firing"),
    ("KoneyTrapsNotWatched", "pending"),
    ("KoneyTrapsUnsupported", "pending"),
    ("KoneyPolicyNotInForce", "pending"),
    ("KoneySinkFailing", "pending"),
    ("KoneyDetectionDegraded", "pending"),
    ("KoneyAgentDown", "inactive"),
    ("KoneyNoAgent", "inactive"),
    ("KoneyDeadLetters", "inactive"),
];

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file)
}

fn is_empty_here(query: &str) -> bool {
    EMPTY.iter().any(|(part, _)| query.contains(part))
}

/// Title of the panel, and query.
fn queries() -> Result<Vec<(String, String)>> {
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(deploy("grafana/dashboard.json"))?)?;
    let mut queries = Vec::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().context("panels")? {
        assert!(ids.insert(panel["id"].as_u64().context("each panel has an id")?), "{} twice", panel["id"]);
        let title = panel["title"].as_str().filter(|title| !title.is_empty()).context("each panel has a title")?;
        let place = |of: &str| panel["gridPos"][of].as_u64().with_context(|| format!("{title} has no place"));
        assert!(place("x")? + place("w")? <= 24, "{title} is wider than the page");
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let mut query = target["expr"].as_str().with_context(|| format!("{title} asks nothing"))?.to_owned();
            for (variable, value) in VARIABLES {
                query = query.replace(variable, value);
            }
            assert!(!query.contains('$'), "{title}: {query}");
            queries.push((title.to_owned(), query));
        }
    }
    Ok(queries)
}

fn rules() -> Result<Vec<Value>> {
    let rules: Value = serde_saphyr::from_str(&fs::read_to_string(deploy("prometheus/rules.yaml"))?)?;
    let groups = rules["groups"].as_array().context("groups")?;
    Ok(groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect())
}

fn expression(rule: &Value) -> Result<&str> {
    rule["expr"].as_str().context("each rule has an expression")
}

#[test]
fn dashboard_and_rules_name_declared_metrics_only() -> Result<()> {
    let declared: BTreeSet<_> = ALL.iter().flat_map(Declared::series).chain(["up".to_owned()]).collect();
    let mut asked: Vec<_> = queries()?.into_iter().map(|(_, query)| query).collect();
    for rule in rules()? {
        asked.push(expression(&rule)?.to_owned());
    }
    assert!(asked.len() > 60, "dashboard and rules ask {} queries", asked.len());
    for query in asked {
        let named = selectors(&query);
        assert!(!named.is_empty(), "{query} names no metric");
        for selector in named {
            assert!(declared.contains(&selector.name), "{} is declared nowhere: {query}", selector.name);
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_rule_says_what_to_do_and_is_proved_by_cases() -> Result<()> {
    let cases = fs::read_to_string(deploy("prometheus/rules_test.yaml"))?;
    for rule in rules()? {
        let alert = rule["alert"].as_str().context("a name")?;
        assert!(
            rule["labels"]["severity"].as_str().is_some_and(|word| ["critical", "warning", "info"].contains(&word)),
            "{alert}"
        );
        let text = |of: &str| rule["annotations"][of].as_str().with_context(|| format!("{alert} has no {of}"));
        assert!(!text("summary")?.is_empty() && text("description")?.contains("`koney-agent "), "{alert} names no command");
        assert!(cases.contains(&format!("alertname: {alert}\n")), "{alert} has no case in rules_test.yaml");
    }
    promtool(&["check", "rules", &deploy("prometheus/rules.yaml").display().to_string()], "").await?;
    let printed = promtool(&["test", "rules", &deploy("prometheus/rules_test.yaml").display().to_string()], "").await?;
    assert!(printed.contains("SUCCESS"), "{printed}");
    Ok(())
}

/// A stage on which much is wrong: a decoy that is missing, one that is a folder, one that was replaced, a policy that is invalid,
/// a sink that cannot be reached; and one that can.
async fn agent(stage: &Stage, ingest: &Ingest) -> Result<(Agent, std::net::SocketAddr)> {
    let decoy = stage.plant("token")?;
    let replaced = stage.plant("replaced")?;
    fs::create_dir(stage.path("folder"))?;
    let place = |name: &str| stage.path(name).display().to_string();
    for (name, path) in [("token", &decoy), ("replaced", &replaced), ("missing", &place("missing")), ("folder", &place("folder"))]
    {
        stage.put(&format!("{name}.yaml"), &policy_named(name, path))?;
    }
    stage.put("invalid.yaml", &policy_named("invalid", "relative"))?;
    stage.put("sink.yaml", &manifests::sink(ingest))?;
    let away = Sink { url: format!("https://{}", free().await?), ..Sink::of("away", ingest) };
    stage.put("away.yaml", &format!("{}---\n{}", away.resource(), away.secret()))?;
    let admin = free().await?;
    let agent = stage.start_with(&["--attach", "fanotify", "--admin", &admin.to_string()])?;
    agent.logged("traps armed=2 traps=4").await?;
    fs::write(stage.path("other"), "another")?;
    fs::rename(stage.path("other"), &replaced)?;
    agent.logged("state=replaced").await?;
    let mut intruder = Resident::start()?;
    intruder.open(&decoy)?;
    agent.alerts(1).await?;
    until(|| ingest.events().ok().filter(|events| !events.is_empty())).await?;
    agent.logged("alert not delivered yet").await?;
    Ok((agent, admin))
}

#[tokio::test]
async fn a_real_prometheus_answers_every_query_from_a_real_agent() -> Result<()> {
    if !has_fanotify("a_real_prometheus_answers_every_query_from_a_real_agent")? {
        return Ok(());
    }
    let stage = Stage::new()?;
    let ingest = Ingest::start(&stage.path("ingest")).await?;
    let (agent, admin) = agent(&stage, &ingest).await?;
    let folder = tempfile::tempdir()?;
    let mut prometheus = Prometheus::start(folder.path(), admin, &deploy("prometheus/rules.yaml").canonicalize()?).await?;

    // Rates take two scrapes.
    let scraped =
        async |asked: &Asked| Ok((!asked.query("rate(process_cpu_seconds_total[30s])").await?.is_empty()).then_some(()));
    prometheus.until("it has scraped twice", scraped).await?;
    let asked = prometheus.asked();
    for (title, query) in queries()? {
        let rows = asked.query(&query).await.with_context(|| title.clone())?;
        assert!(!rows.is_empty() || is_empty_here(&query), "{title} has no data: {query}");
        assert!(rows.is_empty() || !is_empty_here(&query), "{title} has data, against what is said of it: {query}");
    }
    // A rule is quiet while all is well; what it looks at is there all the same.
    for rule in rules()? {
        let query = expression(&rule)?;
        asked.query(query).await?;
        for selector in selectors(query) {
            let rows = asked.query(&selector.text).await?;
            assert!(!rows.is_empty() || is_empty_here(&selector.text), "{}: {} has no data", rule["alert"], selector.text);
        }
    }
    let evaluated = async |asked: &Asked| {
        let states = asked.rules().await?;
        let holds =
            |(alert, expected): &(&str, &str)| states.iter().any(|rule| rule["name"] == *alert && rule["state"] == *expected);
        let known = states.iter().all(|rule| rule["health"] != "unknown");
        Ok((known && STATES.iter().all(holds)).then_some(states))
    };
    let states = prometheus.until("every rule is in the state that it is to be in", evaluated).await?;
    assert_eq!(states.len(), rules()?.len());
    for state in &states {
        assert_eq!((&state["health"], &state["lastError"]), (&Value::from("ok"), &Value::Null), "{state}");
    }

    let page = get(admin, "/metrics").await?;
    let found: BTreeSet<_> = page.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    for metric in ALL {
        let there = metric.series().iter().all(|series| found.contains(series.as_str()));
        assert!(there || metric.absent.is_some(), "{} is not on the page:\n{page}", metric.name);
    }
    let classic = get_as(admin, "/metrics", "text/plain").await?;
    promtool(&["check", "metrics"], &classic).await?;
    agent.stop().await?;
    Ok(())
}
