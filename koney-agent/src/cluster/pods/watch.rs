//! Follows the pods of this node, and what stands above them.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _, future::join_all};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use serde_json::Value;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, interval_at, sleep},
};
use tracing::{debug, warn};

use super::{
    super::{answers::Answers, last_known::LastKnown},
    kubelet::Kubelet,
    listing::{Listing, Reader},
    owners::{self, Owners},
    pod::{Pod, Pods},
    source::{Choice, Source, SourceError, Way},
};
use crate::causes::chain;

/// The name under which an agent keeps what it knows.
const KEPT: &str = "pods";
/// What is asked for.
const PODS: &str = "pods";
/// Between two questions to the kubelet that nobody has asked for.
const TIMER: Duration = Duration::from_secs(10);
/// Between two questions to the kubelet, whoever asks.
const PACE: Duration = Duration::from_millis(250);
/// Between two looks at owners whose Deployment may have changed.
const OWNERS: Duration = Duration::from_secs(10);
/// How long a pod that is gone is remembered.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Owners asked for at a time.
const AT_ONCE: usize = 8;

/// Follows the pods of one node. [`run`](Self::run) it on the task that supervises it.
pub struct PodWatcher {
    client: Client,
    node: String,
    source: Source,
    owners: Owners,
    reader: Reader,
    pods: Vec<Pod>,
    /// Pods that are gone, and since when: what was done in them may still be on its way.
    departed: Vec<(Pod, Instant)>,
    publisher: watch::Sender<Option<Arc<Pods>>>,
    /// Somebody has met a container that is not known.
    refresh: Arc<Notify>,
    known: Option<Arc<LastKnown>>,
    answers: Answers,
}

/// How pods are found.
#[derive(Clone, Debug, Default)]
pub struct PodOptions {
    /// Whom to ask.
    pub choice: Choice,
    /// The kubelet's address.
    pub address: Option<SocketAddr>,
    /// Certificates that the kubelet's must verify against.
    pub ca_file: Option<PathBuf>,
    /// The token for the kubelet, instead of the service account's.
    pub token_file: Option<PathBuf>,
}

impl PodWatcher {
    /// Chooses whom to ask. `None` is received until the pods are known for the first time.
    pub async fn new(
        client: Client,
        node: &str,
        options: PodOptions,
        refresh: Arc<Notify>,
        known: Option<Arc<LastKnown>>,
    ) -> Result<(Self, watch::Receiver<Option<Arc<Pods>>>), SourceError> {
        let PodOptions { choice, address, ca_file, token_file } = options;
        let source = Source::choose(Way { choice, address, ca_file, token_file }, &client).await?;
        let kept: Option<Vec<Pod>> = known.as_ref().and_then(|known| known.load(KEPT));
        let mut owners = Owners::default();
        owners.restore(kept.iter().flatten());
        let kept = kept.map(|pods| Arc::new(Pods::new(pods.into_iter().map(Arc::new).collect())));
        let (publisher, receiver) = watch::channel(kept);
        let reader = Reader::default();
        Ok((
            Self {
                client,
                node: node.to_owned(),
                source,
                owners,
                reader,
                pods: Vec::new(),
                departed: Vec::new(),
                publisher,
                refresh,
                known,
                answers: Answers::default(),
            },
            receiver,
        ))
    }

    /// Whether whoever is asked for the pods answers.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// Publishes changes until nobody receives them any more.
    pub async fn run(mut self) {
        let publisher = self.publisher.clone();
        let follow = async {
            match std::mem::replace(&mut self.source, Source::Api) {
                Source::Kubelet(kubelet) => self.ask(&kubelet).await,
                Source::Api => self.watch().await,
            }
        };
        tokio::select! {
            () = publisher.closed() => {}
            () = follow => {}
        }
    }

    async fn ask(&mut self, kubelet: &Kubelet) {
        let mut silent = false;
        let refresh = Arc::clone(&self.refresh);
        loop {
            match kubelet.pods().await {
                Ok(listing) => {
                    silent = false;
                    self.answers.answered(PODS);
                    self.take(listing);
                    self.settle().await;
                }
                Err(error) => {
                    self.answers.failed(PODS);
                    if std::mem::replace(&mut silent, true) {
                        debug!(%error, "still no pods from the kubelet");
                    } else {
                        warn!(%error, "the kubelet does not tell its pods; what was last known stays, and it is asked again");
                    }
                }
            }
            sleep(PACE).await;
            tokio::select! {
                () = refresh.notified() => {}
                () = sleep(TIMER) => {}
            }
        }
    }

    fn take(&mut self, listing: Listing) {
        let before = std::mem::replace(&mut self.pods, self.reader.list(listing));
        let now = Instant::now();
        let is_there = |pod: &Pod| self.pods.iter().any(|there| there.uid == pod.uid);
        self.departed.retain(|(pod, since)| since.elapsed() < REMEMBERED && !is_there(pod));
        let gone = before.into_iter().filter(|pod| !is_there(pod)).map(|mut pod| {
            self.owners.complete(&mut pod);
            (pod, now)
        });
        self.departed.extend(gone);
    }

    async fn watch(&mut self) {
        let mut events = Box::pin(of_node(&self.client, &self.node));
        let mut known: BTreeMap<(String, String), Value> = BTreeMap::new();
        let mut coming: Option<BTreeMap<(String, String), Value>> = None;
        let mut owners = interval_at(Instant::now() + OWNERS, OWNERS);
        let mut silent = false;
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        silent = false;
                        self.answers.answered(PODS);
                        if !enter(event, &mut known, &mut coming) {
                            continue;
                        }
                        self.take(Listing::of(known.values().cloned().collect()));
                    }
                    Some(Err(error)) => {
                        self.answers.failed(PODS);
                        if !std::mem::replace(&mut silent, true) {
                            let error = chain(&error);
                            warn!(error, "the API server does not tell this node's pods; what was last known stays");
                        }
                        continue;
                    }
                    None => return,
                },
                _ = owners.tick() => {}
            }
            self.settle().await;
        }
    }

    /// Publishes at once what is known, and again once it is known what stands above it.
    async fn settle(&mut self) {
        self.publish();
        let missing = self.owners.missing(&self.pods);
        if missing.is_empty() {
            return;
        }
        for some in missing.chunks(AT_ONCE) {
            let answers = join_all(some.iter().map(|(namespace, owner)| owners::ask(&self.client, namespace, owner))).await;
            for ((_, owner), answer) in some.iter().zip(answers) {
                self.owners.learn(owner, answer);
            }
        }
        self.publish();
    }

    fn publish(&self) {
        let completed = self.pods.iter().cloned().map(|mut pod| {
            self.owners.complete(&mut pod);
            Arc::new(pod)
        });
        let departed = self.departed.iter().map(|(pod, _)| Arc::new(pod.clone()));
        let pods = Arc::new(Pods::new(departed.chain(completed).collect()));
        let changed = self.publisher.send_if_modified(|before| {
            let changed = before.as_ref() != Some(&pods);
            if changed {
                *before = Some(Arc::clone(&pods));
            }
            changed
        });
        if let Some(known) = self.known.as_ref().filter(|_| changed) {
            known.save(KEPT, &pods.iter().collect::<Vec<_>>());
        }
    }
}

fn of_node(client: &Client, node: &str) -> impl Stream<Item = Result<Event<DynamicObject>, watcher::Error>> + Send + use<> {
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    watcher::watcher(api, watcher::Config::default().fields(&format!("spec.nodeName={node}"))).default_backoff()
}

/// Takes an event in; true where a whole list is there.
fn enter(
    event: Event<DynamicObject>,
    known: &mut BTreeMap<(String, String), Value>,
    coming: &mut Option<BTreeMap<(String, String), Value>>,
) -> bool {
    match event {
        Event::Init => {
            *coming = Some(BTreeMap::new());
            false
        }
        Event::InitApply(pod) => {
            let (name, value) = whole(&pod);
            coming.get_or_insert_default().insert(name, value);
            false
        }
        Event::InitDone => {
            *known = coming.take().unwrap_or_default();
            true
        }
        Event::Apply(pod) => {
            let (name, value) = whole(&pod);
            known.insert(name, value);
            true
        }
        Event::Delete(pod) => known.remove(&whole(&pod).0).is_some(),
    }
}

fn whole(pod: &DynamicObject) -> ((String, String), Value) {
    let name = (pod.metadata.namespace.clone().unwrap_or_default(), pod.metadata.name.clone().unwrap_or_default());
    (name, serde_json::to_value(pod).unwrap_or_default())
}
