//! What root on this node has the agent do with its sinks.

use std::sync::Arc;

use super::Shared;
use crate::{
    admin::{Answering, DeadLetter, Operator, Refused, Tested, Which},
    alert::{self, AlertId, Purpose},
    sink::{Action, Queue, SinkId, store},
    workload::Clock,
};

/// The agent's sinks, for the socket.
pub(super) struct Operate(pub(super) Arc<Shared>);

impl Operate {
    /// The queues of one sink or of all.
    fn queues(&self, sink: Option<&str>) -> Result<Vec<(SinkId, Arc<Queue>)>, Refused> {
        let sinks = &self.0.sinks;
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

    fn test<'a>(&'a self, sink: &'a str) -> Answering<'a, Tested> {
        Box::pin(async move {
            let (id, _) = self
                .queues(Some(sink))?
                .pop()
                .ok_or_else(|| Refused::new(format!("sink {sink} has just gone; see whether its resource is still there")))?;
            let method = self.0.method();
            let alert = alert::message(Purpose::Test, Clock.boot_ns(), &self.0.host, Clock, method);
            let action = self.0.sinks.try_out(&id, &alert).await.map_err(Refused::new)?;
            let id = alert.id.as_str().to_owned();
            let (delivered, answer) = match action {
                Action::Delivered { remark } => (true, remark.unwrap_or_else(|| "the endpoint took it".to_owned())),
                Action::Retry { reason, .. }
                | Action::SlowRetry { reason }
                | Action::Shorten { reason }
                | Action::Split { reason }
                | Action::Reject { reason }
                | Action::Gone { reason } => (false, reason),
            };
            Ok(Tested { delivered, id, answer })
        })
    }
}

fn of(sink: &SinkId, letter: store::DeadLetter) -> DeadLetter {
    let store::DeadLetter { id, time, buried, reason, body } = letter;
    let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
    DeadLetter { sink: sink.name.clone(), id: id.as_str().to_owned(), time, given_up: buried, reason, body }
}
