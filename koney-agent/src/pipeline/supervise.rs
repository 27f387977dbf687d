//! The agent's own tasks: none is detached, and the first that ends by itself is named.

use std::{future::Future, io, sync::Arc};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    task::JoinSet,
};

/// The tasks that make up the agent.
#[derive(Default)]
pub(super) struct Supervisor {
    tasks: JoinSet<&'static str>,
}

/// Tells when one task has ended.
pub(super) struct Ended(Arc<Notify>);

impl Supervisor {
    pub(super) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> Ended {
        let ended = Arc::new(Notify::new());
        let notify = OnDrop(Arc::clone(&ended));
        self.tasks.spawn(async move {
            let _notify = notify;
            task.await;
            name
        });
        Ended(ended)
    }

    /// The name of the first task that ends; a panic is one too and has printed its own message.
    pub(super) async fn first_to_end(&mut self) -> &'static str {
        match self.tasks.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(_panicked)) => "panicking",
            None => "first",
        }
    }

    pub(super) fn abort(&mut self) {
        self.tasks.abort_all();
    }
}

impl Ended {
    pub(super) async fn wait(self) {
        self.0.notified().await;
    }
}

/// Notifies also when the task panics.
struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// SIGTERM and SIGINT.
pub(super) fn signals() -> io::Result<Signals> {
    Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
}

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_task_that_ends_is_named() {
        let mut tasks = Supervisor::default();
        tasks.spawn("endless", std::future::pending());
        let short = tasks.spawn("short", async {});
        assert_eq!(tasks.first_to_end().await, "short");
        short.wait().await;
        tasks.abort();
    }
}
