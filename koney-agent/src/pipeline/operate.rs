//! What root on this node asks of the agent, and has it do.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, OnceLock},
};

use tracing::warn;

use super::{Shared, supervise::Supervisor};
use crate::{
    admin::{
        Admin, Answering, DeadLetter, Operator, Refused, Tested, Which, socket,
        status::{Key, Status},
    },
    alert::{self, AlertId, Purpose},
    logs::{self, Level},
    sink::{Action, Queue, SinkId, TriedOut, store},
    workload::Clock,
};

/// The agent, for the socket.
pub(super) struct Operate {
    pub(super) shared: Arc<Shared>,
    pub(super) level: Level,
    /// Of the page, and where that is.
    pub(super) key: Key,
    pub(super) listens: Arc<OnceLock<SocketAddr>>,
}

/// Serves the pages and the socket, for as long as the agent runs. Fails where there is no key for the page.
pub(super) fn offer(
    tasks: &mut Supervisor,
    shared: &Arc<Shared>,
    admin: Option<SocketAddr>,
    state: Option<&Path>,
    level: Level,
) -> io::Result<()> {
    let (key, listens) = (Key::random()?, Arc::default());
    if let Some(address) = admin {
        let (facts, status) = (Arc::clone(shared), Arc::clone(shared));
        let admin = Admin {
            health: Arc::clone(&shared.health),
            facts: Box::new(move || facts.facts()),
            status: Box::new(move || status.status()),
            key: key.clone(),
            listens: Arc::clone(&listens),
        };
        tasks.spawn("admin", admin.serve(address));
    }
    if let Some(state) = state {
        let operator = Arc::new(Operate { shared: Arc::clone(shared), level, key, listens });
        tasks.spawn("socket", socket::serve(socket::path(state), operator));
    }
    Ok(())
}

impl Operate {
    /// The queues of one sink or of all.
    fn queues(&self, sink: Option<&str>) -> Result<Vec<(SinkId, Arc<Queue>)>, Refused> {
        let sinks = &self.shared.sinks;
        let ids = sinks.ids();
        let wanted: Vec<_> = ids.iter().filter(|id| sink.is_none_or(|sink| id.name == sink)).cloned().collect();
        if let Some(sink) = sink.filter(|_| wanted.is_empty()) {
            let names: Vec<_> = ids.iter().map(|id| id.name.as_str()).collect();
            return Err(Refused::new(format!("there is no sink {sink} in this agent; name one of {}", names.join(", "))));
        }
        Ok(wanted.into_iter().filter_map(|id| sinks.queue(&id).map(|queue| (id, queue))).collect())
    }

    /// The queues with the ids that are meant in each.
    async fn chosen(&self, which: &Which) -> Result<Vec<(Arc<Queue>, Vec<AlertId>)>, Refused> {
        let mut chosen = Vec::new();
        for (_, queue) in self.queues(which.sink.as_deref())? {
            let ids = queue.dead().await.into_iter().map(|letter| letter.id);
            let ids: Vec<_> =
                ids.filter(|id| which.ids.is_empty() || which.ids.iter().any(|wanted| wanted == id.as_str())).collect();
            if !ids.is_empty() {
                chosen.push((queue, ids));
            }
        }
        Ok(chosen)
    }
}

impl Operator for Operate {
    fn dead_letters<'a>(&'a self, sink: Option<&'a str>) -> Answering<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for (id, queue) in self.queues(sink)? {
                found.extend(queue.dead().await.into_iter().map(|letter| of(&id, letter)));
            }
            found.sort_by_key(|letter| letter.given_up);
            Ok(found)
        })
    }

    fn dead_letter<'a>(&'a self, id: &'a str) -> Answering<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for (sink, queue) in self.queues(None)? {
                let Some(known) = queue.dead().await.into_iter().find(|letter| letter.id.as_str() == id) else { continue };
                found.extend(queue.dead_letter(known.id).await.map(|letter| of(&sink, letter)));
            }
            Ok(found)
        })
    }

    fn retry<'a>(&'a self, which: &'a Which) -> Answering<'a, usize> {
        Box::pin(async move {
            let mut count = 0;
            for (queue, ids) in self.chosen(which).await? {
                count += queue.revive(ids).await;
            }
            Ok(count)
        })
    }

    fn drop_dead<'a>(&'a self, which: &'a Which) -> Answering<'a, usize> {
        Box::pin(async move {
            let mut count = 0;
            for (queue, ids) in self.chosen(which).await? {
                count += queue.drop_dead(ids).await;
            }
            Ok(count)
        })
    }

    fn status(&self) -> Answering<'_, Status> {
        Box::pin(async { Ok(self.shared.status()) })
    }

    fn page(&self) -> Answering<'_, String> {
        Box::pin(async {
            let Some(address) = self.listens.get() else {
                return Err(Refused::new("this agent listens nowhere; see --admin, and its log for why it cannot"));
            };
            // From everywhere is also from here.
            let host = if address.ip().is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { address.ip() };
            Ok(format!("http://{}/?{}", SocketAddr::new(host, address.port()), self.key.query()))
        })
    }

    fn log<'a>(&'a self, level: Option<&'a str>) -> Answering<'a, String> {
        Box::pin(async move {
            if let Some(level) = level {
                let (was, now) = (self.level.get(), logs::level(level).map_err(|error| Refused::new(error.to_string()))?);
                // Whoever reads the log later has to know: it is told under the level that says more.
                self.level.set(was.max(now));
                warn!(%was, %now, "root has changed what is logged; `koney-agent log` changes it back");
                self.level.set(now);
            }
            Ok(self.level.get().to_string())
        })
    }

    fn test<'a>(&'a self, sink: &'a str) -> Answering<'a, Tested> {
        Box::pin(async move {
            let (id, _) = self
                .queues(Some(sink))?
                .pop()
                .ok_or_else(|| Refused::new(format!("sink {sink} has just gone; see whether its resource is still there")))?;
            let method = self.shared.method();
            let alert = alert::message(Purpose::Test, Clock.boot_ns(), &self.shared.host, Clock, method);
            let TriedOut { action, said, took } = self.shared.sinks.try_out(&id, &alert).await.map_err(Refused::new)?;
            let id = alert.id.as_str().to_owned();
            let (delivered, answer) = match action {
                Action::Delivered { remark } => {
                    let answer = [remark, said].into_iter().flatten().collect::<Vec<_>>().join("; ");
                    (true, if answer.is_empty() { "taken".to_owned() } else { answer })
                }
                Action::Retry { reason, .. }
                | Action::SlowRetry { reason }
                | Action::Shorten { reason }
                | Action::Split { reason }
                | Action::Reject { reason }
                | Action::Gone { reason } => (false, reason),
            };
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            Ok(Tested { delivered, id, answer, milliseconds })
        })
    }
}

fn of(sink: &SinkId, letter: store::DeadLetter) -> DeadLetter {
    let store::DeadLetter { id, time, buried, reason, body } = letter;
    let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
    DeadLetter { sink: sink.name.clone(), id: id.as_str().to_owned(), time, given_up: buried, reason, body }
}
