//! The walk of docs/silent-sink.md: from a sink that stays silent to its cause by what the page says, and back to an alert that arrives.
//! It needs root and fanotify, and no eBPF.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use hyper::StatusCode;
use koney_tests::{
    agent::{self, Agent, until},
    ingest::Ingest,
    manifests::{self, Sink},
    stage::{Stage, cat, skip},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

const NAME: &str = "dynatrace";

/// A section of the page.
struct Section {
    title: String,
    /// What `status` is to say, with what stands for names.
    says: String,
    /// Commands, in their order.
    commands: Vec<String>,
}

/// Between the page's marks.
fn sections() -> Result<Vec<Section>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/silent-sink.md");
    let text = fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    let (_, walk) = text.split_once("<!-- walk:begin -->").context("the walk begins")?;
    let (walk, _) = walk.split_once("<!-- walk:end -->").context("the walk ends")?;
    let section = |section: &str| -> Result<Section> {
        let (title, body) = section.split_once('\n').context("a title")?;
        let says = body.lines().find_map(|line| line.strip_prefix("> ")).with_context(|| format!("{title} quotes nothing"))?;
        ensure!(body.contains("**Do:** "), "{title} says nothing to do");
        let commands = body.lines().filter(|line| line.starts_with("koney-agent ")).map(str::to_owned).collect();
        Ok(Section { title: title.to_owned(), says: says.to_owned(), commands })
    };
    walk.split("\n## ").skip(1).map(section).collect()
}

/// What a command printed, its lines joined, and how it ended.
fn ask(stage: &Stage, command: &str) -> Result<(Option<i32>, String)> {
    let words = command.split(' ').skip(1);
    let mut command = Command::new(agent::program()?);
    command.args(words).arg("--state").arg(stage.path("state")).stdin(Stdio::null());
    let output = command.output().context("start the command")?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok((output.status.code(), text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// An authority that has signed nothing.
fn somebody_else() -> Result<String> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "somebody else");
    Ok(authority.self_signed(&KeyPair::generate()?)?.pem())
}

/// The endpoint, and how the sink is made to fail and mended again.
struct Play {
    stage: Stage,
    ingest: Ingest,
    decoy: String,
}

impl Play {
    async fn new(title: &str) -> Result<Self> {
        let stage = Stage::new()?;
        let folder = stage.path("ingest");
        let ingest = match title {
            "The endpoint cannot be reached" => Ingest::absent(&folder).await?,
            _ => Ingest::start(&folder).await?,
        };
        let decoy = stage.plant("token")?;
        stage.put("policy.yaml", &manifests::policy(&decoy))?;
        Ok(Self { stage, ingest, decoy })
    }

    fn sink(&self) -> Sink {
        Sink::of(NAME, &self.ingest)
    }

    /// Brings about what the title says.
    fn spoil(&self, title: &str) -> Result<()> {
        let sink = self.sink();
        self.stage.put("sink.yaml", &sink.resource())?;
        let secret = match title {
            "There is no Secret" => return Ok(()),
            "The token is refused" => Sink { token: sink.token.replace('S', "X"), ..sink }.secret(),
            "The certificate is not trusted" => Sink { authority: somebody_else()?, ..sink }.secret(),
            "The endpoint refuses the alert itself" => {
                self.ingest.answer_next([StatusCode::BAD_REQUEST]);
                sink.secret()
            }
            "There was no alert" => {
                fs::remove_file(&self.decoy)?;
                sink.secret()
            }
            "The endpoint cannot be reached" => sink.secret(),
            other => bail!("nobody knows how to bring about {other:?}"),
        };
        self.stage.put("secret.yaml", &secret)
    }

    /// Does what the page says.
    async fn mend(&mut self, title: &str) -> Result<()> {
        match title {
            "There is no Secret" | "The token is refused" | "The certificate is not trusted" => {
                self.stage.put("secret.yaml", &self.sink().secret())
            }
            "The endpoint cannot be reached" => self.ingest.appear().await,
            "There was no alert" => self.stage.plant("token").map(drop),
            _ => Ok(()),
        }
    }

    fn filled_in(&self, text: &str) -> String {
        text.replace("NAME", NAME).replace("HOST", "127.0.0.1").replace("PATH", &self.decoy)
    }
}

/// The table has a column where a sentence has a colon.
fn has(printed: &str, says: &str) -> bool {
    let (about, what) = says.split_once(": ").unwrap_or_default();
    printed.contains(&format!("problem {about} {what}"))
}

async fn walk(section: &Section) -> Result<()> {
    let title = section.title.as_str();
    let mut play = Play::new(title).await?;
    play.spoil(title)?;
    let agent: Agent = play.stage.start_with(&["--attach", "fanotify"])?;
    agent.logged("root can talk to this agent").await?;
    let there = Path::new(&play.decoy).exists();
    if there {
        agent.logged("traps armed=1 traps=1").await?;
        cat(&play.decoy)?;
    }
    let says = play.filled_in(&section.says);
    let mut last = String::new();
    let found = until(|| {
        let (code, printed) = ask(&play.stage, "koney-agent status").ok()?;
        last = printed;
        (code == Some(1) && has(&last, &says)).then_some(())
    });
    let found = found.await;
    found.with_context(|| format!("{title}: `status` does not say {says:?} but {last:?}; log:\n{}", agent.log()))?;

    play.mend(title).await?;
    for command in &section.commands {
        let (code, printed) = ask(&play.stage, &play.filled_in(command))?;
        ensure!(code == Some(0), "{title}: {command}: {code:?}: {printed}");
    }
    // A Secret is in force once the folder was read.
    until(|| (ask(&play.stage, &format!("koney-agent sink test {NAME}")).ok()?.0 == Some(0)).then_some(())).await?;
    if !there {
        agent.logged("traps armed=1 traps=1").await?;
        cat(&play.decoy)?;
    }
    // Besides the test alert.
    let is_alert = |event: &serde_json::Value| event["koney.metadata.file_path"].as_str() == Some(&play.decoy);
    let arrived = until(|| play.ingest.events().ok()?.iter().any(is_alert).then_some(())).await;
    arrived.with_context(|| format!("{title}: the alert has not arrived; log:\n{}", agent.log()))?;
    let delivering = format!("delivering {NAME} dynatrace 0 - 0 ");
    let well =
        until(|| ask(&play.stage, "koney-agent status").ok().filter(|(code, all)| *code == Some(0) && all.contains(&delivering)));
    let well = well.await.with_context(|| format!("{title}: all should be well: {:?}", ask(&play.stage, "koney-agent status")));
    let (_, printed) = well?;
    ensure!(!printed.contains(&play.ingest.token) && !agent.log().contains(&play.ingest.token), "{title}: a token is told");
    agent.stop().await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_leads_from_a_silent_sink_to_its_cause_and_back() -> Result<()> {
    let probe = Command::new(agent::program()?).args(["probe", "--attach", "fanotify"]).stdin(Stdio::null()).output()?;
    if !probe.status.success() {
        skip("the_page_leads_from_a_silent_sink_to_its_cause_and_back", String::from_utf8_lossy(&probe.stdout).trim())?;
        return Ok(());
    }
    let sections = sections()?;
    ensure!(sections.len() >= 6, "the page has {} sections", sections.len());
    for section in &sections {
        walk(section).await.with_context(|| format!("section {:?}", section.title))?;
    }
    Ok(())
}
