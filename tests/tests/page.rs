//! The agent's page in a real browser. It needs root and fanotify, and no eBPF.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use koney_tests::{
    agent::{self, Agent, until},
    browser::{Browser, View},
    ingest::Ingest,
    manifests::{self, Sink},
    stage::{Stage, cat, skip},
};

/// Names that an intruder may choose.
const DECOY: &str = "a<img src=x onerror=alert(1)>&\"'b";
const PROCESS: &str = "<b>\u{1b}[31mtail&\"";

const WIDE: View = View { width: 1280, dark: false, scripts: true };

/// A host with an agent, some decoys, a sink that works and one that does not.
struct Play {
    stage: Stage,
    ingest: Ingest,
    agent: Agent,
    decoy: String,
    url: String,
    /// Has opened the decoy, and stays.
    _intruder: Intruder,
}

/// Ends with its play, however that ends.
struct Intruder(Child);

impl Drop for Intruder {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Play {
    /// `None` where this machine lets none run, which is said.
    async fn new(test: &str) -> Result<Option<(Self, PathBuf)>> {
        let Some(program) = Browser::program() else {
            skip(test, "there is no chromium here; `cargo xtask setup` installs it")?;
            return Ok(None);
        };
        let probe = Command::new(agent::program()?).args(["probe", "--attach", "fanotify"]).stdin(Stdio::null()).output()?;
        if !probe.status.success() {
            skip(test, String::from_utf8_lossy(&probe.stdout).trim())?;
            return Ok(None);
        }
        let stage = Stage::new()?;
        let ingest = Ingest::start(&stage.path("ingest")).await?;
        let decoy = stage.plant(DECOY)?;
        let others = ["credentials", "service_token"].map(|name| stage.plant(name));
        let [credentials, token] = others;
        let (credentials, token, absent) = (credentials?, token?, stage.path("id_ed25519"));
        let quoted = serde_json::to_string(&decoy)?;
        stage.put("hostile.yaml", &manifests::policy_named("hostile-name", &quoted))?;
        stage.put("credentials.yaml", &manifests::policy_named("cloud-credentials", &credentials))?;
        stage.put("token.yaml", &manifests::policy_named("deceptionpolicy-servicetoken", &token))?;
        stage.put("key.yaml", &manifests::policy_named("ssh-keys", &absent.to_string_lossy()))?;
        stage.put("sink.yaml", &manifests::sink(&ingest))?;
        let refused = Sink { token: ingest.token.replace('S', "X"), ..Sink::of("siem-archive", &ingest) };
        stage.put("refused.yaml", &format!("{}---\n{}", refused.resource(), refused.secret()))?;
        let agent = stage.start_with(&["--attach", "fanotify", "--admin", "127.0.0.1:0", "--node-name", "web-1"])?;
        agent.logged("traps armed=3 traps=4").await?;
        agent.logged("root can talk to this agent").await?;
        agent.logged("the page can be had").await?;
        let intruder = intruder(&stage, &decoy)?;
        agent.alerts(1).await?;
        cat(&token)?;
        agent.alerts(2).await?;
        agent.logged("sink=koney-system/siem-archive").await?;
        let asked = Command::new(agent::program()?).arg("page").arg("--state").arg(stage.path("state")).output()?;
        let url = String::from_utf8(asked.stdout)?.trim().to_owned();
        ensure!(url.starts_with("http://127.0.0.1:") && url.contains("/?key="), "{url}");
        Ok(Some((Self { stage, ingest, agent, decoy, url, _intruder: intruder }, program)))
    }

    fn without_key(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }

    async fn end(self) -> Result<()> {
        self.agent.stop().await.map(drop)
    }
}

/// A `tail` under a name of its own, that reads the decoy and stays.
fn intruder(stage: &Stage, decoy: &str) -> Result<Intruder> {
    let program = stage.path(PROCESS);
    symlink("/usr/bin/tail", &program).context("give tail another name")?;
    Command::new(program)
        .args(["-f", decoy])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Intruder)
        .context("start the intruder")
}

/// In numbers, as the page's readers see it.
const CONTRASTS: &str = r"(() => {
  const parts = text => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return Math.min(...[...document.querySelectorAll('h1, h2, p, li, td, th, dt, dd, .badge, .soft, code')].map(element => {
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
})()";

// The endpoint answers while the browser is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_is_there_without_a_script_and_nothing_of_it_is_an_intruders() -> Result<()> {
    let test = "all_of_it_is_there_without_a_script_and_nothing_of_it_is_an_intruders";
    let Some((play, program)) = Play::new(test).await? else { return Ok(()) };
    let mut browser = Browser::start(&program)?;
    browser.open(&play.url, View { scripts: false, ..WIDE })?;
    let html = browser.html()?;
    for told in [
        "koney on web-1",
        "3 of 4",
        "missing",
        "create the file (koney does not plant decoys)",
        "ssh-keys",
        "cloud-credentials",
        "siem-archive",
        "answer 401 Unauthorized",
        "check <code>apiToken</code>",
        "delivering",
        "fanotify",
        "a&lt;img src=x onerror=alert(1)&gt;&amp;\"'b",
        "&lt;b&gt;\\u{1b}[31mtail&amp;",
        "Reload the page for newer facts.",
    ] {
        ensure!(html.contains(told), "{told} is not told: {html}");
    }
    ensure!(!html.contains("<img") && !html.contains("<b>\u{1b}"), "{html}");
    let key = play.url.split_once("key=").context("a key")?.1;
    for secret in [play.ingest.token.as_str(), "dt0c01", "BEGIN CERTIFICATE", key] {
        ensure!(!html.contains(secret), "{secret} is on the page");
    }
    assert_eq!(browser.requests(), std::slice::from_ref(&play.url), "it needs nothing else");

    // Whoever has no key sees numbers.
    browser.open(play.without_key(), View { scripts: false, ..WIDE })?;
    let html = browser.html()?;
    for secret in [play.decoy.as_str(), "credentials", "service_token", "ssh-keys", "tail", "401"] {
        ensure!(!html.contains(secret), "{secret} is for who has the key: {html}");
    }
    ensure!(html.contains("3 of 4") && html.contains("koney-agent page") && html.contains("failing"), "{html}");
    drop(browser);
    play.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_refreshes_itself_fits_small_screens_and_says_when_it_is_old() -> Result<()> {
    let test = "it_refreshes_itself_fits_small_screens_and_says_when_it_is_old";
    let Some((play, program)) = Play::new(test).await? else { return Ok(()) };
    let mut browser = Browser::start(&program)?;
    browser.open(&play.url, WIDE)?;
    ensure!(browser.html()?.contains("Refreshes itself every 5 s."), "{}", browser.html()?);
    let rows = "document.querySelectorAll('td[data-label=What]').length";
    ensure!(browser.evaluate(rows)? == 2, "{}", browser.html()?);
    cat(&play.stage.path("credentials").to_string_lossy())?;
    until(|| (browser.evaluate(rows).ok()? == 3).then_some(())).await.context("the page does not refresh itself")?;

    for dark in [false, true] {
        for width in [1280, 901, 900, 400, 320] {
            browser.look(View { width, dark, ..WIDE })?;
            let wide = browser.evaluate("document.documentElement.scrollWidth")?;
            ensure!(wide == width, "{width} pixels: the page is {wide} wide");
        }
        let contrast = browser.evaluate(CONTRASTS)?.as_f64().context("a number")?;
        ensure!(contrast >= 4.5, "dark {dark}: a text has a contrast of {contrast}");
    }
    let ground = "getComputedStyle(document.body).backgroundColor";
    let dark = browser.evaluate(ground)?;
    browser.look(WIDE)?;
    ensure!(browser.evaluate(ground)? != dark, "dark is as light");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let own = play.without_key();
    ensure!(browser.requests().iter().all(|request| request.starts_with(own)), "{:?}", browser.requests());

    play.end().await?;
    let stale = "document.getElementById('live').className === 'stale'";
    until(|| (browser.evaluate(stale).ok()? == true).then_some(())).await.context("an old page looks like a new one")?;
    ensure!(browser.html()?.contains("what stands below is old"), "{}", browser.html()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_as_wide_as_their_screens_and_stay_where_they_are_asked_for() -> Result<()> {
    let test = "pictures_are_as_wide_as_their_screens_and_stay_where_they_are_asked_for";
    let Some((play, program)) = Play::new(test).await? else { return Ok(()) };
    let folder = std::env::var_os("KONEY_PICTURES").map(PathBuf::from);
    let mut browser = Browser::start(&program)?;
    for (name, url) in [("page", play.url.as_str()), ("page-without-key", play.without_key())] {
        for (width, dark) in [(1280, false), (1280, true), (400, false), (400, true)] {
            browser.open(url, View { width, dark, scripts: true })?;
            // Without the last section, which tells of the machine that it was made on.
            let last = "Math.floor(document.querySelector('#facts > section:last-child').getBoundingClientRect().top + scrollY)";
            let height = browser.evaluate(last)?.as_u64().context("a number")?;
            let picture = STANDARD.decode(browser.picture(width, height)?)?;
            let scheme = if dark { "dark" } else { "light" };
            // The first chunk of a PNG begins with the picture's width.
            let is_wide = picture.get(16..20).context("a picture")? == width.to_be_bytes().as_slice();
            ensure!(picture.starts_with(b"\x89PNG") && is_wide, "{name} of {width} pixels, {scheme}");
            if let Some(folder) = &folder {
                save(&folder.join(format!("{name}-{width}-{scheme}.png")), &picture)?;
            }
        }
    }
    drop(browser);
    play.end().await
}

fn save(path: &Path, picture: &[u8]) -> Result<()> {
    fs::write(path, picture).with_context(|| format!("write {}", path.display()))
}
