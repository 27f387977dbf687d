//! The main job in front of the newcomer's eyes: a trap, an access, an alert, an event.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use koney_tests::{
    agent::{Agent, End, until},
    ingest::Ingest,
    manifests,
};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { agent, paint } = Arguments::read()?;
    let stage = tempfile::Builder::new().prefix("koney-demo-").tempdir().context("make a folder for the demo")?;
    let (decoy, folder) = (stage.path().join("secrets/service_token"), stage.path().join("manifests"));
    fs::create_dir_all(decoy.parent().context("the decoy has a folder")?)?;
    fs::create_dir(&folder)?;
    fs::write(&decoy, "someverysecrettoken\n").context("plant the decoy")?;
    let path = decoy.to_str().context("the temporary folder's name is text")?;

    paint.step("an ingest endpoint for Dynatrace security events, over HTTPS on loopback")?;
    let ingest = Ingest::start(stage.path()).await?;
    paint.fact(&ingest.url)?;
    paint.step("a DeceptionPolicy, a DeceptionAlertSink and its Secret, as one would kubectl apply them")?;
    manifests::put(&folder, "policy.yaml", &manifests::policy(path))?;
    manifests::put(&folder, "sink.yaml", &manifests::sink(&ingest))?;
    paint.fact(&format!("the honeytoken is {path}"))?;

    paint.step("koney-agent run --manifests …")?;
    let agent = Agent::start(&agent, &folder, &["--pins", "none"])?;
    paint.fact(&tail(&agent.logged("watching opens").await?))?;
    agent.logged("armed=1 traps=1").await?;

    let cat = Command::new("cat").arg("service_token").current_dir(decoy.parent().unwrap_or(Path::new("/"))).output();
    paint.step("an intruder: cd …/secrets; cat service_token")?;
    paint.fact(String::from_utf8_lossy(&cat.context("run cat")?.stdout).trim_end())?;

    let line = agent.alerts(1).await?.remove(0);
    let body = until(|| ingest.accepted().ok()?.first().cloned()).await.context("no event arrived at the endpoint")?;
    let End { status, alerts, log } = agent.stop().await?;
    ensure!(status.success(), "the agent ended with {status}; its log:\n{log}");

    paint.step("the alert line, from the agent's standard output")?;
    paint.line(&line)?;
    paint.step("the event, as the endpoint received it")?;
    paint.line(&body)?;
    let accepted = ingest.events()?;
    paint.end(&summary(&alerts, &accepted)?)
}

/// Counts what really came; anything but one of each is a failure.
fn summary(alerts: &[String], events: &[Value]) -> Result<String> {
    let ([_], [event]) = (alerts, events) else {
        bail!("1 access made {} alert lines and {} events", alerts.len(), events.len());
    };
    let id = event.get("event.id").and_then(Value::as_str).context("the event has an id")?;
    Ok(format!("demo: 1 access, 1 alert, 1 event accepted (event.id={id})"))
}

/// A log line without its time and level.
fn tail(line: &str) -> String {
    line.split_once("koney_agent::").map_or(line, |(_, rest)| rest).split_once(": ").map_or(line, |(_, rest)| rest).to_owned()
}

struct Arguments {
    agent: PathBuf,
    paint: Paint,
}

impl Arguments {
    fn read() -> Result<Self> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["--agent", agent, "--color", color @ ("always" | "never")] => {
                Ok(Self { agent: PathBuf::from(agent), paint: Paint { color: *color == "always" } })
            }
            _ => bail!("usage: koney-demo --agent PATH --color always|never; `cargo xtask demo` does it for you"),
        }
    }
}

/// Colour on a terminal, plain text elsewhere.
struct Paint {
    color: bool,
}

impl Paint {
    fn step(&self, text: &str) -> io::Result<()> {
        self.write("1;36", "» ", text)
    }

    fn fact(&self, text: &str) -> io::Result<()> {
        self.write("2", "  ", text)
    }

    fn line(&self, text: &str) -> io::Result<()> {
        self.write("33", "", text)
    }

    fn end(&self, text: &str) -> Result<()> {
        Ok(self.write("1;32", "", text)?)
    }

    fn write(&self, code: &str, mark: &str, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.color { writeln!(out, "\x1b[{code}m{mark}{text}\x1b[0m") } else { writeln!(out, "{mark}{text}") }
    }
}
