//! The agent as a user runs it: a process, its standard output and its log.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    time::{Instant, sleep},
};

/// Longest wait for anything; emulated machines are slow.
pub const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// A running agent; killed when dropped.
pub struct Agent {
    child: Child,
    alerts: Lines,
    log: Lines,
}

/// Lines as they come.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Agent {
    /// Starts `program run --manifests FOLDER` with further arguments.
    pub fn start(program: &Path, folder: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("run").arg("--manifests").arg(folder).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let alerts = Lines::follow(child.stdout.take().context("stdout is piped")?);
        let log = Lines::follow(child.stderr.take().context("stderr is piped")?);
        Ok(Self { child, alerts, log })
    }

    /// Waits until the log has a line with this text.
    pub async fn logged(&self, text: &str) -> Result<String> {
        self.log
            .wait(|lines| lines.iter().find(|line| line.contains(text)).cloned())
            .await
            .with_context(|| format!("the agent did not log {text:?}; its log:\n{}", self.log()))
    }

    /// Waits for this many alert lines.
    pub async fn alerts(&self, count: usize) -> Result<Vec<String>> {
        self.alerts
            .wait(|lines| (lines.len() >= count).then(|| lines.to_vec()))
            .await
            .with_context(|| format!("{} of {count} alert lines; the agent's log:\n{}", self.alerts.get().len(), self.log()))
    }

    /// Everything logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.get().join("\n")
    }

    /// Sends SIGTERM, waits for the end, and gives the exit status with all alert lines.
    pub async fn stop(self) -> Result<(ExitStatus, Vec<String>, String)> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("the agent has ended already")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.ended().await
    }

    /// Waits for the agent to end by itself.
    pub async fn ended(mut self) -> Result<(ExitStatus, Vec<String>, String)> {
        let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            bail!("the agent does not end; its log:\n{}", self.log());
        };
        // The readers end with the pipes, which are closed now; one step lets them take the last lines.
        sleep(STEP * 5).await;
        Ok((status?, self.alerts.get(), self.log()))
    }
}

impl Lines {
    fn follow(source: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines = Self::default();
        let sink = lines.clone();
        tokio::spawn(async move {
            let mut source = BufReader::new(source).lines();
            while let Ok(Some(line)) = source.next_line().await {
                sink.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        lines
    }

    fn get(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn wait<T>(&self, mut ready: impl FnMut(&[String]) -> Option<T>) -> Result<T> {
        until(|| ready(&self.get())).await
    }
}

/// Asks again and again until there is an answer.
pub async fn until<T>(mut ready: impl FnMut() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ready() {
            return Ok(answer);
        }
        if started.elapsed() > PATIENCE {
            bail!("nothing came within {} s", PATIENCE.as_secs());
        }
        sleep(STEP).await;
    }
}
