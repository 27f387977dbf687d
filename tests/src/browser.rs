//! A real browser without a window: Chromium, told what to do over its own `DevTools` protocol.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::agent::PATIENCE;

/// Debian's package puts it there.
const PROGRAM: &str = "/usr/bin/chromium";

/// A running browser with one tab; it ends when this is dropped.
pub struct Browser {
    child: Child,
    commands: File,
    answers: Receiver<Value>,
    next: u64,
    session: Option<String>,
    /// What it said of itself besides: requests, errors.
    events: Vec<Value>,
    /// Its profile, and its pipes.
    _folder: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// CSS pixels.
    pub width: u32,
    /// The reader prefers dark colours.
    pub dark: bool,
    /// Pages may run scripts.
    pub scripts: bool,
}

impl Browser {
    /// The program, if this machine has it.
    #[must_use]
    pub fn program() -> Option<PathBuf> {
        Some(PathBuf::from(PROGRAM)).filter(|program| program.exists())
    }

    /// Starts it with an empty profile.
    pub fn start(program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("koney-browser-").tempdir().context("make a profile")?;
        let [to, from] = ["to", "from"].map(|name| folder.path().join(name));
        for pipe in [&to, &from] {
            mkfifo(pipe, Mode::S_IRUSR | Mode::S_IWUSR).context("make a pipe")?;
        }
        // It reads commands from descriptor 3 and writes answers to 4, each ended by a zero byte.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$@\" 3<\"$KONEY_TO\" 4>\"$KONEY_FROM\"", "sh"]).arg(program);
        // The tests are root's, for whom the browser has no sandbox.
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]);
        command.arg("--remote-debugging-pipe").arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.env("KONEY_TO", &to).env("KONEY_FROM", &from).env("HOME", folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("start chromium")?;
        // In the shell's order: each waits for the other end.
        let commands = OpenOptions::new().write(true).open(&to).context("open the pipe of commands")?;
        let source = File::open(&from).context("open the pipe of answers")?;
        let (send, answers) = channel();
        thread::spawn(move || {
            for message in BufReader::new(source).split(0) {
                let parsed = message.ok().and_then(|message| serde_json::from_slice(&message).ok());
                let Some(parsed) = parsed else { return };
                if send.send(parsed).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { child, commands, answers, next: 0, session: None, events: Vec::new(), _folder: folder };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attached = browser.call("Target.attachToTarget", &json!({"targetId": target["targetId"], "flatten": true}))?;
        browser.session = Some(attached["sessionId"].as_str().context("a session")?.to_owned());
        for domain in ["Page", "Log", "Network", "Runtime"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Opens a page and waits until it is there.
    pub fn open(&mut self, url: &str, view: View) -> Result<()> {
        self.look(view)?;
        self.events.clear();
        let opened = self.call("Page.navigate", &json!({"url": url}))?;
        ensure!(opened["errorText"].is_null(), "{url} cannot be opened: {opened}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.answers.recv_timeout(PATIENCE).with_context(|| format!("{url} does not load"))?;
            self.events.push(event);
        }
        Ok(())
    }

    /// Looks at the page in another way. Whether scripts run is decided when it is opened.
    pub fn look(&mut self, View { width, dark, scripts }: View) -> Result<()> {
        let scheme = if dark { "dark" } else { "light" };
        self.call("Emulation.setScriptExecutionDisabled", &json!({"value": !scripts}))?;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &media)?;
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size).map(drop)
    }

    /// The document as it is now, as HTML.
    pub fn html(&mut self) -> Result<String> {
        let document = self.call("DOM.getDocument", &json!({"depth": 0}))?;
        let html = self.call("DOM.getOuterHTML", &json!({"nodeId": document["root"]["nodeId"]}))?;
        Ok(html["outerHTML"].as_str().context("the document's text")?.to_owned())
    }

    /// What an expression comes to in the page. It is the tools', so the page's policy does not bind it.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let answer = self.call("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true}))?;
        ensure!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        Ok(answer["result"]["value"].clone())
    }

    /// What went wrong in the page since it was opened: errors of scripts, and what its policy forbade.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let wrong = |event: &&Value| match event["method"].as_str() {
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            Some("Runtime.exceptionThrown") => true,
            _ => false,
        };
        self.events.iter().filter(wrong).map(|event| event["params"].to_string()).collect()
    }

    /// Addresses that the page asked for since it was opened.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.filter_map(|event| event["params"]["request"]["url"].as_str().map(str::to_owned)).collect()
    }

    /// A picture of the page's upper part, as PNG in base64.
    pub fn picture(&mut self, width: u32, height: u64) -> Result<String> {
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let how = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let answer = self.call("Page.captureScreenshot", &how)?;
        Ok(answer["data"].as_str().context("a picture")?.to_owned())
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value> {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).with_context(|| format!("send {method}"))?;
        loop {
            let answer = self.answers.recv_timeout(PATIENCE).with_context(|| format!("no answer to {method}"))?;
            if answer["id"] != json!(self.next) {
                self.events.push(answer);
            } else if answer["error"].is_null() {
                return Ok(answer["result"].clone());
            } else {
                bail!("{method}: {}", answer["error"]);
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        // It ends its own processes when it is asked to; killed, it may leave some for a moment.
        let closed = self.call("Browser.close", &json!({}));
        if closed.is_err() {
            let _ended = self.child.kill();
        }
        let _reaped = self.child.wait();
    }
}
