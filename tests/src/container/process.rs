//! The intruder as a process, on the host or in a container.

use std::{
    collections::VecDeque,
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{BIN, Container};

/// Longest wait for one line; emulated machines are slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// How an intruder is started.
#[derive(Clone, Debug, Default)]
pub struct Spawn {
    /// Program and arguments.
    pub words: Vec<OsString>,
    /// The user, on the host; root otherwise.
    pub uid: Option<u32>,
    /// The working directory, on the host; `/` otherwise.
    pub cwd: Option<PathBuf>,
}

/// An intruder that was started. It stays until [`Process::end`] or until it is dropped.
pub struct Process {
    /// The process, in our own pid namespace.
    pub pid: u32,
    /// The container it was started in.
    pub container: Option<String>,
    /// What it runs, as it sees it.
    pub binary: String,
    /// Its arguments, its own name first.
    pub words: Vec<OsString>,
    /// Its working directory, as it sees it.
    pub cwd: String,
    child: Child,
    orders: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    /// Said before it was asked for.
    early: VecDeque<String>,
}

/// The intruder's program: next to this one, or in the folder above, as it is for tests.
pub fn intruder() -> Result<PathBuf> {
    let own = env::current_exe().context("the path of this program")?;
    let near = own.ancestors().skip(1).take(2).map(|folder| folder.join("koney-act")).find(|file| file.is_file());
    near.with_context(|| format!("koney-act is not beside {}; build it with `cargo build --package koney-tests`", own.display()))
}

impl Spawn {
    /// The intruder with these words.
    pub fn act(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let words = [OsString::from("koney-act")].into_iter().chain(words.into_iter().map(|word| word.as_ref().to_owned()));
        Self { words: words.collect(), ..Self::default() }
    }

    /// Another program with these words.
    pub fn program(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self { words: words.into_iter().map(|word| word.as_ref().to_owned()).collect(), ..Self::default() }
    }

    /// As another user.
    #[must_use]
    pub fn by(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// In another folder.
    #[must_use]
    pub fn at(mut self, cwd: &Path) -> Self {
        self.cwd = Some(cwd.to_owned());
        self
    }

    /// Starts it on the host.
    pub fn on_host(self) -> Result<Process> {
        let (name, rest) = self.words.split_first().context("a program is named")?;
        let own = name == "koney-act";
        let binary =
            if own { intruder()? } else { super::image::find(name.to_str().unwrap_or_default()).unwrap_or_else(|| name.into()) };
        let cwd = self.cwd.clone().unwrap_or_else(|| "/".into());
        let mut command = Command::new(&binary);
        command.arg0(name).args(rest).current_dir(&cwd).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        let mut process = start(command, self.words.clone(), &binary, None)?;
        process.pid = process.child.id().context("it has just been started")?;
        process.cwd = cwd.to_string_lossy().into_owned();
        Ok(process)
    }

    /// Starts it in a container, as `kubectl exec` does.
    pub async fn inside(self, container: &Container) -> Result<Process> {
        let (name, rest) = self.words.split_first().context("a program is named")?;
        let binary = if name == "koney-act" { PathBuf::from(BIN) } else { Path::new("/bin").join(name) };
        let words: Vec<_> = [binary.clone().into_os_string()].into_iter().chain(rest.iter().cloned()).collect();
        let mut process = start(container.enter(&words)?, words, &binary, Some(container.id.clone()))?;
        process.pid = container.entered(&mut process).await?;
        Ok(process)
    }
}

fn start(mut command: Command, words: Vec<OsString>, binary: &Path, container: Option<String>) -> Result<Process> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
    let orders = child.stdin.take();
    let lines = BufReader::new(child.stdout.take().context("its output is piped")?).lines();
    let binary = binary.to_string_lossy().into_owned();
    Ok(Process { pid: 0, container, binary, words, cwd: "/".to_owned(), child, orders, lines, early: VecDeque::new() })
}

impl Process {
    pub(super) fn spawned(command: Command) -> Result<Self> {
        start(command, Vec::new(), Path::new(""), None)
    }

    /// The number that whoever started it says. What it says itself may come first.
    pub(super) async fn number(&mut self) -> Result<u32> {
        let mut early = VecDeque::new();
        let number = loop {
            let line = self.line().await?.with_context(|| format!("{} does not start: {early:?}", self.what()))?;
            match line.strip_prefix("pid ") {
                Some(number) => break number.parse().context("a number")?,
                None => early.push_back(line),
            }
        };
        self.early = early;
        Ok(number)
    }

    /// The next line that it says.
    pub async fn line(&mut self) -> Result<Option<String>> {
        if let Some(line) = self.early.pop_front() {
            return Ok(Some(line));
        }
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        line.with_context(|| format!("{} says nothing", self.what()))?.context("read what it says")
    }

    /// Waits until it says this; anything else is a failure of what it was to do.
    pub async fn says(&mut self, expected: &str) -> Result<()> {
        match self.line().await? {
            Some(line) if line == expected => Ok(()),
            Some(line) => bail!("{}: {line}", self.what()),
            None => bail!("{} ended without `{expected}`", self.what()),
        }
    }

    /// Waits until it is done.
    pub async fn done(&mut self) -> Result<()> {
        self.says("done").await
    }

    /// Waits until it has failed, which it must, and gives why.
    pub async fn failed(&mut self) -> Result<String> {
        let line = self.line().await?.with_context(|| format!("{} ended without a word", self.what()))?;
        match line.strip_prefix("failed: ") {
            Some(reason) => Ok(reason.to_owned()),
            None => bail!("{} should have failed", self.what()),
        }
    }

    /// Tells one that waits to go on.
    pub async fn go(&mut self) -> Result<()> {
        let orders = self.orders.as_mut().context("it has been told to end")?;
        orders.write_all(b"go\n").await.context("it takes no orders")
    }

    /// Lets it end, which it must do well.
    pub async fn end(mut self) -> Result<()> {
        let status = self.exit().await?;
        ensure!(status == Some(0), "{} ended with {status:?}", self.what());
        Ok(())
    }

    /// Lets it end and gives its exit code.
    pub async fn exit(&mut self) -> Result<Option<i32>> {
        drop(self.orders.take());
        let status = timeout(PATIENCE, self.child.wait()).await;
        Ok(status.with_context(|| format!("{} does not end", self.what()))??.code())
    }

    fn what(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy().chars().take(80).collect::<String>()).collect();
        format!("`{}`", words.join(" ").escape_debug())
    }
}
