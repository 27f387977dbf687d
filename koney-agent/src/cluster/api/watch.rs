//! Follows policies, sinks and Secrets, and publishes a snapshot whenever what they say changes.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::Status,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use tokio::{sync::watch, time::Instant};
use tracing::{info, warn};

use super::{
    super::{
        answers::Answers,
        last_known::LastKnown,
        manifests::{of_objects, report_changes},
        policy::DeceptionPolicy,
        sink::DeceptionAlertSink,
        snapshot::{Kind, Snapshot},
    },
    objects::Objects,
};
use crate::causes::chain;

/// The name under which an agent keeps what it knows.
const KEPT: &str = "policies";
/// Between two complaints about one kind.
const PAUSE: Duration = Duration::from_mins(1);

type Events = Pin<Box<dyn Stream<Item = (Kind, Result<Event<DynamicObject>, watcher::Error>)> + Send>>;

/// Follows the API server. [`run`](Self::run) it on the task that supervises it.
pub struct ApiWatcher {
    agent_namespace: String,
    events: Events,
    objects: Objects,
    publisher: watch::Sender<Arc<Snapshot>>,
    complaints: Complaints,
    answers: Answers,
    /// Something was published.
    told: bool,
    known: Option<Arc<LastKnown>>,
}

impl ApiWatcher {
    /// What is received is a change once everything was listed for the first time, or was kept by an agent before this one; until then
    /// nothing is known.
    #[must_use]
    pub fn new(client: &Client, agent_namespace: &str, known: Option<Arc<LastKnown>>) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let policies = Api::all_with(client.clone(), &ApiResource::erase::<DeceptionPolicy>(&()));
        let sinks = Api::namespaced_with(client.clone(), agent_namespace, &ApiResource::erase::<DeceptionAlertSink>(&()));
        let secrets = ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&());
        let secrets = Api::namespaced_with(client.clone(), agent_namespace, &secrets);
        let all = [(Kind::Policy, policies), (Kind::Sink, sinks), (Kind::Secret, secrets)].map(|(kind, api)| follow(kind, api));
        let (publisher, receiver) = watch::channel(Arc::default());
        let events = Box::pin(stream::select_all(all));
        let (agent_namespace, objects) = (agent_namespace.to_owned(), Objects::default());
        let (complaints, answers) = (Complaints::default(), Answers::default());
        let mut watcher = Self { agent_namespace, events, objects, publisher, complaints, answers, told: false, known };
        if let Some(kept) = watcher.known.as_ref().and_then(|known| known.load(KEPT)) {
            watcher.objects.restore(kept);
            watcher.told = true;
            watcher.publish();
        }
        (watcher, receiver)
    }

    /// Whether the API server answers.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// Publishes changes until nobody receives them any more.
    pub async fn run(mut self) {
        let publisher = self.publisher.clone();
        let follow = async {
            loop {
                let changed = self.next().await;
                if self.objects.are_listed() && (changed || !self.told) {
                    self.told = true;
                    self.publish();
                    if let Some(known) = &self.known {
                        known.save(KEPT, &self.objects.to_keep());
                    }
                }
            }
        };
        tokio::select! {
            () = publisher.closed() => {}
            () = follow => {}
        }
    }

    async fn next(&mut self) -> bool {
        match self.events.next().await {
            Some((kind, Ok(event))) => {
                self.complaints.over(kind);
                self.answers.answered(word(kind));
                self.objects.take(kind, event)
            }
            Some((kind, Err(error))) => {
                self.complaints.about(kind, &error);
                self.answers.failed(word(kind));
                if is_refused(&error) {
                    self.objects.refuse(kind);
                }
                false
            }
            // Watches do not end.
            None => std::future::pending().await,
        }
    }

    fn publish(&mut self) {
        let before = Arc::clone(&self.publisher.borrow());
        let now = of_objects(self.objects.iter(), &self.agent_namespace, &before);
        report_changes(&before.problems, &now.problems);
        info!(policies = now.policies.len(), sinks = now.sinks.len(), "the cluster's policies and sinks");
        self.publisher.send_replace(Arc::new(now));
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Policy => "policies",
        Kind::Sink => "sinks",
        Kind::Secret => "secrets",
    }
}

fn follow(kind: Kind, api: Api<DynamicObject>) -> Events {
    let events = watcher::watcher(api, watcher::Config::default()).default_backoff();
    Box::pin(events.map(move |event| (kind, event)))
}

/// Says of each kind that it cannot be followed: at once, and then now and then.
#[derive(Default)]
struct Complaints(std::collections::BTreeMap<Kind, Instant>);

impl Complaints {
    fn about(&mut self, kind: Kind, error: &watcher::Error) {
        let now = Instant::now();
        if self.0.get(&kind).is_some_and(|last| now.duration_since(*last) < PAUSE) {
            return;
        }
        self.0.insert(kind, now);
        let (cause, remedy) = (cause(error), remedy(error));
        warn!(kind = kind.as_str(), cause, remedy, "the API server does not tell; what was last known stays in force");
    }

    fn over(&mut self, kind: Kind) {
        if self.0.remove(&kind).is_some() {
            info!(kind = kind.as_str(), "the API server tells again");
        }
    }
}

/// Trying again will not help.
fn is_refused(error: &watcher::Error) -> bool {
    status(error).is_some_and(|status| matches!(status.code, 403 | 404))
}

/// What the API server answered.
fn status(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

/// What the API server said, or what became of the question.
pub(in crate::cluster) fn cause(error: &watcher::Error) -> String {
    match status(error) {
        Some(status) => format!("answer {}: {}", status.code, status.message),
        None => chain(error),
    }
}

pub(in crate::cluster) fn remedy(error: &watcher::Error) -> &'static str {
    let Some(status) = status(error) else {
        return "check that the API server can be reached from this node; it is tried again";
    };
    match status.code {
        401 => "check the agent's service account and its token; it is tried again",
        403 => "grant the agent's service account the rights of its ClusterRole and Role; it is tried again",
        404 => "install koney's CRDs; it is tried again",
        _ => "see the API server's log; it is tried again",
    }
}
