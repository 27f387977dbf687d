//! Follows a folder of manifests and publishes a snapshot whenever what it says changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::problem::{Problem, Severity};
use super::super::snapshot::Snapshot;
use super::events::FolderEvents;
use super::folder::{FolderError, read};
use super::report;

/// Quiet time after an event: an editor empties a file before it writes it, and half of a file may be valid.
const QUIET: Duration = Duration::from_millis(100);
/// Quiet times to wait for at most, in a folder that something writes to without a pause.
const MAX_QUIETS: u32 = 20;
/// Between two readings without an event: what a symlink leads to changes without one.
const RESCAN: Duration = Duration::from_secs(10);
/// The same while the folder cannot be watched, because it is gone or the kernel refused.
const RESCAN_UNWATCHED: Duration = Duration::from_secs(1);

/// Follows one folder. [`run`](Self::run) it on the task that supervises it.
pub struct Watcher {
    folder: PathBuf,
    agent_namespace: String,
    events: FolderEvents,
    publisher: watch::Sender<Arc<Snapshot>>,
}

impl Watcher {
    /// Reads the folder for the first time and starts to collect its events.
    pub fn start(
        folder: &Path,
        agent_namespace: &str,
    ) -> Result<(Self, watch::Receiver<Arc<Snapshot>>), FolderError> {
        // Before the first reading, so that no change falls between the two.
        let events = FolderEvents::new(folder);
        let snapshot = read(folder, agent_namespace, &Snapshot::default())?;
        report::changes(&[], &snapshot.problems);
        let (publisher, receiver) = watch::channel(Arc::new(snapshot));
        let (folder, agent_namespace) = (folder.to_owned(), agent_namespace.to_owned());
        Ok((
            Self {
                folder,
                agent_namespace,
                events,
                publisher,
            },
            receiver,
        ))
    }

    /// Publishes changes until nobody receives them any more. Must be polled within a tokio runtime.
    pub async fn run(mut self) {
        let publisher = self.publisher.clone();
        tokio::select! {
            () = publisher.closed() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        loop {
            let pause = if self.events.is_watching() {
                RESCAN
            } else {
                RESCAN_UNWATCHED
            };
            if timeout(pause, self.events.next()).await.is_err() {
                self.events.watch();
                if self.read().await == *self.current() {
                    continue;
                }
            }
            self.settle().await;
            self.publish().await;
        }
    }

    async fn settle(&mut self) {
        for _ in 0..MAX_QUIETS {
            let mut is_quiet = true;
            let quiet = tokio::time::sleep(QUIET);
            tokio::pin!(quiet);
            loop {
                tokio::select! {
                    () = &mut quiet => break,
                    () = self.events.next() => is_quiet = false,
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    async fn publish(&mut self) {
        let (before, now) = (self.current(), self.read().await);
        if now != *before {
            report::changes(&before.problems, &now.problems);
            tracing::debug!(
                policies = now.policies.len(),
                sinks = now.sinks.len(),
                "manifests changed"
            );
            self.publisher.send_replace(Arc::new(now));
        }
    }

    /// What the folder says now, on top of what was published last. A folder that cannot be read changes nothing.
    async fn read(&self) -> Snapshot {
        let before = self.current();
        let (folder, agent_namespace, previous) = (
            self.folder.clone(),
            self.agent_namespace.clone(),
            Arc::clone(&before),
        );
        match spawn_blocking(move || read(&folder, &agent_namespace, &previous)).await {
            Ok(Ok(snapshot)) => snapshot,
            Ok(Err(FolderError::Unreadable { cause, .. })) => {
                let reason =
                    format!("cannot be read ({cause}), keeping all that was last read from it");
                self.unread(&before, &reason, "restore it")
            }
            // Only a defect of the reading itself ends here; it must not take the agent along.
            Err(_) => self.unread(
                &before,
                "reading it failed inside koney",
                "report this, with the folder's files",
            ),
        }
    }

    fn unread(&self, before: &Snapshot, reason: &str, remedy: &str) -> Snapshot {
        let mut snapshot = before.clone();
        snapshot
            .problems
            .retain(|problem| problem.file != self.folder);
        snapshot.problems.push(Problem::of_file(
            Severity::Error,
            &self.folder,
            reason,
            remedy,
        ));
        snapshot
    }

    fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.publisher.borrow())
    }
}
