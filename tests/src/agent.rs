//! The agent as a user runs it: a process, its standard output and its log.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// Longest wait for anything; emulated machines are slow.
pub const PATIENCE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(20);

/// A running agent; killed when dropped.
pub struct Agent {
    child: Child,
    alerts: Lines,
    log: Lines,
}

/// What an agent has left behind.
#[derive(Debug)]
pub struct End {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub alerts: Vec<String>,
    /// Its standard error.
    pub log: String,
}

/// Lines as they come, and who reads them.
struct Lines(Arc<Mutex<Vec<String>>>, JoinHandle<()>);

/// The agent to test: `KONEY_AGENT`, or the one that cargo has put next to this program, or above it where that is a test.
pub fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("KONEY_AGENT") {
        return Ok(named.into());
    }
    let own = std::env::current_exe().context("the path of this program")?;
    let near = own.ancestors().skip(1).take(2).map(|folder| folder.join("koney-agent")).find(|file| file.is_file());
    near.with_context(|| {
        format!(
            "there is no agent beside {}; build it with `cargo build -p koney-agent`, or set KONEY_AGENT to one",
            own.display()
        )
    })
}

impl Agent {
    /// Starts `program run --manifests FOLDER` with further arguments.
    pub fn start(program: &Path, folder: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        // What one test's agent keeps is for the next agent of the same test.
        command.env("KONEY_STATE", folder.with_file_name("state"));
        command.arg("run").arg("--manifests").arg(folder).args(arguments);
        Self::spawn(command)
    }

    /// Starts any command that becomes an agent.
    pub fn spawn(mut command: Command) -> Result<Self> {
        // Agents of several tests run at a time, and one address is for one of them.
        command.env("KONEY_ADMIN", "none");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let alerts = Lines::follow(child.stdout.take().context("stdout is piped")?);
        let log = Lines::follow(child.stderr.take().context("stderr is piped")?);
        Ok(Self { child, alerts, log })
    }

    /// Waits until the log has a line with this text.
    pub async fn logged(&self, text: &str) -> Result<String> {
        self.logged_times(text, 1).await
    }

    /// As [`Self::logged`], for as long as this.
    pub async fn logged_within(&self, text: &str, patience: Duration) -> Result<String> {
        let found = until_within(patience, || self.log.get().into_iter().find(|line| line.contains(text))).await;
        found.with_context(|| format!("the agent did not log {text:?}; its log:\n{}", self.log()))
    }

    /// Waits until the log has this many lines with this text, and gives the last of them.
    pub async fn logged_times(&self, text: &str, times: usize) -> Result<String> {
        self.log
            .wait(|lines| lines.iter().filter(|line| line.contains(text)).nth(times - 1).cloned())
            .await
            .with_context(|| format!("the agent did not log {text:?} {times} times; its log:\n{}", self.log()))
    }

    /// Waits for this many alert lines.
    pub async fn alerts(&self, count: usize) -> Result<Vec<String>> {
        self.alerts
            .wait(|lines| (lines.len() >= count).then(|| lines.to_vec()))
            .await
            .with_context(|| format!("{} of {count} alert lines; the agent's log:\n{}", self.alerts.get().len(), self.log()))
    }

    /// The alert lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.alerts.get()
    }

    /// How many alert lines there are so far.
    #[must_use]
    pub fn alert_count(&self) -> usize {
        self.alerts.get().len()
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("the agent has ended")
    }

    /// Everything logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.get().join("\n")
    }

    /// Freezes the agent: whatever happens from here on it finds when it is stopped for good.
    pub async fn freeze(&self) -> Result<()> {
        let pid = self.signal(Signal::STOP)?;
        let frozen = || {
            fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()))
                .ok()?
                .flatten()
                .all(|thread| {
                    // After the name, which may hold anything, comes the state.
                    let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
                })
                .then_some(())
        };
        until(frozen).await.context("the agent does not freeze")
    }

    /// Lets a frozen agent go on.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT).map(drop)
    }

    /// Sends SIGTERM, also to a frozen agent, and waits for the end.
    pub async fn stop(self) -> Result<End> {
        self.signal(Signal::TERM)?;
        self.signal(Signal::CONT)?;
        self.ended().await
    }

    /// Kills it, which it cannot notice, and waits for its end.
    pub async fn kill(self) -> Result<End> {
        self.signal(Signal::KILL)?;
        self.ended().await
    }

    /// Kills it once so many alert lines have left their queue too: a kill before that has the next agent write them again. Takes the
    /// debug log.
    pub async fn kill_settled(self, lines: usize) -> Result<End> {
        let left = |line: &str| -> Option<usize> {
            let (_, count) = line.split_once("alerts have left the queue sink=stdout alerts=")?;
            count.split(' ').next()?.parse().ok()
        };
        let settled = |log: &[String]| (log.iter().filter_map(|line| left(line)).sum::<usize>() >= lines).then_some(());
        self.log.wait(settled).await.with_context(|| format!("{lines} lines have not left the queue: {}", self.log()))?;
        self.kill().await
    }

    fn signal(&self, signal: Signal) -> Result<Pid> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let pid = pid.context("the agent has ended already")?;
        kill_process(pid, signal).with_context(|| format!("send {signal:?}"))?;
        Ok(pid)
    }

    /// Waits for the agent to end by itself.
    pub async fn ended(mut self) -> Result<End> {
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            bail!("the agent does not end; its log:\n{}", self.log());
        };
        let (status, alerts, log) = (status?, self.alerts.all().await?, self.log.all().await?.join("\n"));
        Ok(End { status, alerts, log })
    }
}

impl Lines {
    fn follow(source: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Arc::clone(&lines);
        let reader = tokio::spawn(async move {
            let mut source = BufReader::new(source).lines();
            while let Ok(Some(line)) = source.next_line().await {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self(lines, reader)
    }

    fn get(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every line: whoever wrote them has ended, and with it the pipe.
    async fn all(&mut self) -> Result<Vec<String>> {
        timeout(PATIENCE, &mut self.1).await.context("the pipe outlives the agent")??;
        Ok(self.get())
    }

    async fn wait<T>(&self, mut ready: impl FnMut(&[String]) -> Option<T>) -> Result<T> {
        until(|| ready(&self.get())).await
    }
}

/// A log line without its time and its module: `ERROR what was said`.
#[must_use]
pub fn said(line: &str) -> String {
    let mut words = line.trim_start().splitn(2, ' ');
    let (_time, rest) = (words.next(), words.next().unwrap_or_default().trim_start());
    let (level, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let message = if rest.starts_with("koney_agent") { rest.split_once(": ").map_or(rest, |(_, message)| message) } else { rest };
    format!("{level} {message}")
}

/// Asks again and again until there is an answer.
pub async fn until<T>(ready: impl FnMut() -> Option<T>) -> Result<T> {
    until_within(PATIENCE, ready).await
}

/// The same, for as long as this.
pub async fn until_within<T>(patience: Duration, mut ready: impl FnMut() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ready() {
            return Ok(answer);
        }
        if started.elapsed() > patience {
            bail!("nothing came within {} s", patience.as_secs());
        }
        sleep(STEP).await;
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn time_and_module_are_taken_off() {
        let line = "2026-01-02T03:04:05.678901Z  WARN koney_agent::trap::table: trap path=/a: b";
        assert_eq!(said(line), "WARN trap path=/a: b");
    }
}
