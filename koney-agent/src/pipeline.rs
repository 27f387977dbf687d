//! The wiring, and nothing else: records flow from the kernel to the sinks, policies and sinks flow the other way.

mod containers;
mod control;
mod crowds;
mod events;
mod facts;
mod farewell;
mod former;
mod gaps;
mod labels;
mod operate;
mod queues;
mod readers;
mod receivers;
mod recent;
mod records;
mod repeats;
mod replay;
mod reports;
mod sources;
mod status;
mod stream;
mod supervise;
mod tally;
mod watch;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use thiserror::Error;
use tokio::{
    sync::{Notify, watch as channel},
    time::timeout,
};
use tracing::{info, warn};

use crate::{
    admin::{Health, Step},
    alert::Labels,
    alert::{self, Purpose},
    cluster::{
        Answers, ProblemSeverity, Reader, Snapshot,
        api::{ConnectError, OwnDaemonSet, learn_uid},
        manifests::FolderError,
        pods::{PodOptions, SourceError},
        state::{NodeReport, Reporter},
    },
    journal::{Journal, Left},
    kernel::{Choice, Counts, Detection, Fresh, Holder, KernelError, Options, Watching, fanotify, held, memory},
    logs::Level,
    sink::{Settings, SinkSet, stdout},
    trap::Table,
    workload::{Clock, Host},
};

pub use replay::Replay;

use farewell::Farewell;
use readers::{OfPolicies, Readers};
use recent::Recent;
use sources::Sources;
use stream::Stream;
use supervise::Supervisor;
use tally::Tally;

/// How long the sinks may take to empty their queues when the agent is told to stop.
const FLUSH: Duration = Duration::from_secs(10);

/// What the user chose.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where policies, sinks and Secrets are.
    pub source: Source,
    /// The agent's namespace: only its sinks and Secrets count.
    pub namespace: String,
    /// Name of the node; the host's own where it is not given.
    pub node_name: Option<String>,
    /// Who may read decoys.
    pub readers: Vec<Reader>,
    /// Attach method and diagnostics.
    pub kernel: Options,
    /// Folder on a BPF file system below which the programs are pinned to outlive the agent; `None` to have them end with it.
    pub pins: Option<PathBuf>,
    /// The agent's own folder: alerts that wait, what the cluster said last, its socket. `None` to keep nothing.
    pub state: Option<PathBuf>,
    /// Where health, metrics and the page can be had; `None` for nowhere.
    pub admin: Option<SocketAddr>,
}

/// Where policies, sinks and Secrets are, and with them what is watched.
#[derive(Clone, Debug)]
pub enum Source {
    /// A folder of manifests; every policy is the host's.
    Manifests(PathBuf),
    /// A cluster; policies are those of the containers that they select.
    Cluster(ClusterOptions),
}

/// How the cluster is reached.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// Instead of the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// How pods are found.
    pub pods: PodOptions,
    /// The DaemonSet that the agent is one of: when that is gone, nothing is left on the node.
    pub daemonset: Option<String>,
}

/// Why the agent does not run. Fatal; the operator acts.
#[derive(Debug, Error)]
pub enum RunError {
    /// The manifests cannot be read at all.
    #[error(transparent)]
    Manifests(#[from] FolderError),
    /// There is no way to the cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Nobody can be asked for this node's pods.
    #[error(transparent)]
    Pods(#[from] SourceError),
    /// There is no detection.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Standard output cannot be used.
    #[error("cannot write to standard output: {0}; give it a file, a pipe or a terminal that can be written to")]
    Stdout(std::io::Error),
    /// There is no key for the page.
    #[error("no random bytes can be had: {0}; getrandom(2) must be allowed")]
    Random(std::io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}; this is a bug, please report it with the log")]
    Signals(std::io::Error),
    /// A part of the agent ended by itself.
    #[error("the agent's {0} task ended; this is a bug, please report it with the log")]
    TaskEnded(&'static str),
}

/// What all parts share.
struct Shared {
    table: Mutex<Table>,
    /// Somebody has touched what may be a decoy: look at all of them now.
    look: Notify,
    /// A look is over.
    looked: Notify,
    /// Descriptors that were open when their file was armed for the first time, still to be told.
    holders: Mutex<Vec<Holder>>,
    /// There are some.
    found: Notify,
    /// Somebody is in a container that is not known.
    refresh: Arc<Notify>,
    /// Whom policies expect.
    expected: Mutex<Arc<OfPolicies>>,
    /// What policies say about their alerts.
    labels: Mutex<Arc<labels::OfPolicies>>,
    /// What is in force.
    snapshot: Mutex<Arc<Snapshot>>,
    sinks: SinkSet,
    /// Alerts that wait are meant to be on disk.
    keeps: bool,
    host: Host,
    health: Arc<Health>,
    /// Whether those who are asked in a cluster answer.
    answers: Vec<Answers>,
    /// What the record task has counted.
    tally: Tally,
    /// What the detector said of itself when it was asked last.
    seen: Mutex<Seen>,
    /// How opens are seen.
    watching: Mutex<Watching>,
    /// What was told lately.
    recent: Mutex<Recent>,
    started: Timestamp,
}

/// What a detector says of itself.
#[derive(Default)]
struct Seen {
    method: &'static str,
    /// What it counted; fanotify does not.
    counts: Option<Counts>,
    /// Hooks that are wanted, by what each is attached, and whether it is.
    hooks: Vec<(&'static str, &'static str, bool)>,
    /// The canary was opened and not seen.
    blind: bool,
}

impl Shared {
    /// Nothing is in force yet, and nothing watched.
    fn new(sinks: SinkSet, keeps: bool, host: Host, refresh: Arc<Notify>, answers: Vec<Answers>) -> Self {
        Self {
            table: Mutex::default(),
            look: Notify::new(),
            looked: Notify::new(),
            holders: Mutex::default(),
            found: Notify::new(),
            refresh,
            expected: Mutex::default(),
            labels: Mutex::default(),
            snapshot: Mutex::default(),
            sinks,
            keeps,
            host,
            health: Arc::default(),
            answers,
            tally: Tally::default(),
            seen: Mutex::default(),
            watching: Mutex::default(),
            recent: Mutex::default(),
            started: Timestamp::now(),
        }
    }

    /// A panic while holding the lock has left at worst a trap to be settled again.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expected(&self) -> MutexGuard<'_, Arc<OfPolicies>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force from now on.
    fn enforce(&self, snapshot: &Arc<Snapshot>) {
        *self.expected() = readers::of_policies(&snapshot.policies);
        self.tally.keep(&snapshot.policies.iter().map(|policy| policy.name.as_str()).collect());
        *self.labels.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(labels::of_policies(&snapshot.policies));
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(snapshot);
    }

    /// What a policy says about its alerts.
    fn labels(&self, policy: &str) -> Arc<Labels> {
        let labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.get(policy).cloned().unwrap_or_default()
    }

    /// For the cluster.
    fn report(&self) -> NodeReport {
        reports::report(self.method(), &self.snapshot(), &self.table(), &self.sinks.health())
    }

    /// Every object that there is is in force.
    fn is_free_of_errors(&self) -> bool {
        !self.snapshot().problems.iter().any(|problem| problem.severity == ProblemSeverity::Error)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How opens are seen.
    fn method(&self) -> &'static str {
        self.seen(|seen| seen.method)
    }

    fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The record task has come round.
    fn beat(&self, seen: Seen) {
        self.health.beat();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    fn holders(&self) -> Vec<Holder> {
        std::mem::take(&mut *self.holders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for descriptors of the files, in a thread of its own.
    fn search(self: &Arc<Self>, files: Vec<Fresh>) {
        let shared = Arc::clone(self);
        let search = move || {
            let holders = held::holders(&files);
            if !holders.is_empty() {
                shared.holders.lock().unwrap_or_else(PoisonError::into_inner).extend(holders);
                shared.found.notify_one();
            }
        };
        if let Err(error) = std::thread::Builder::new().name("koney-held".to_owned()).spawn(search) {
            warn!(%error, "no thread to look for descriptors of decoys that are older than the agent; use lsof");
        }
    }
}

/// Runs until SIGTERM or SIGINT, or until a part ends by itself. Root may change what is logged meanwhile.
pub async fn run(config: Config, level: Level) -> Result<(), RunError> {
    let host = Host::read(config.node_name);
    let refresh = Arc::new(Notify::new());
    let readers = Readers::new(config.readers, matches!(config.source, Source::Cluster(_)));
    let daemonset = match &config.source {
        Source::Cluster(options) => options.daemonset.clone(),
        Source::Manifests(_) => None,
    };
    let sources = Sources::open(config.source, &config.namespace, &host.name, config.state.as_deref(), &refresh).await?;
    if config.state.is_none() {
        warn!("--state none: alerts that wait are in memory only, and lost with the agent; give --state a folder to keep them");
    }
    let claim = config.state.as_deref().and_then(queues::claim);
    let folder = claim.as_ref().map(|claim| claim.folder().to_owned());
    let beat = host.clone();
    let heartbeat = move || alert::message(Purpose::Heartbeat, Clock.boot_ns(), &beat, Clock, "none");
    let sinks = SinkSet::new(Settings { folder, heartbeat: Some(Arc::new(heartbeat)), ..Settings::default() });
    sinks.add_builtin("stdout", Arc::new(stdout::Line), Arc::new(stdout::Lines::stdout().map_err(RunError::Stdout)?));
    let shared = Arc::new(Shared::new(sinks, config.state.is_some(), host, Arc::clone(&refresh), sources.answers()));
    let mut stop = supervise::signals().map_err(RunError::Signals)?;

    let detection = Detection::start_in(config.kernel, config.pins.as_deref())?;
    shared.attached(detection.watching());
    let pool = detection.pool();
    memory::trim();
    let (stopping, stopped) = channel::channel(false);
    shared.health.done(Step::Attached);
    shared.health.beat();
    let mut tasks = Supervisor::default();
    operate::offer(&mut tasks, &shared, config.admin, config.state.as_deref(), level).map_err(RunError::Random)?;
    // Kept until the queues are closed: before that they are nobody else's.
    let claim = claim.map(Arc::new);
    if let Some(claim) = &claim {
        tasks.spawn("queue", queues::adopt(Arc::clone(claim), Arc::clone(&shared)));
    }
    let client = sources.client();
    let farewell = match (&client, daemonset) {
        (Some(client), Some(name)) => {
            let daemonset = OwnDaemonSet::look_up(client.clone(), &config.namespace, name).await;
            Some(Farewell { daemonset, pins: config.pins.clone(), state: config.state.clone() })
        }
        _ => None,
    };
    if let Some(client) = client {
        let owner = farewell.as_ref().and_then(|farewell| farewell.daemonset.reference());
        let known = Arc::clone(&shared);
        let reporter = Reporter::new(&client, &config.namespace, &shared.host.name, owner, Box::new(move || known.report()));
        tasks.spawn("report", reporter.run());
        tasks.spawn("cluster", learn_uid(client, Arc::clone(&shared.host.cluster_uid)));
    }
    let journal = match &config.state {
        Some(state) => Journal::open(state, &shared.host.boot_id),
        None => <_>::default(),
    };
    let inputs = sources.spawn(&mut tasks);
    tasks.spawn("control", control::run(Arc::clone(&shared), inputs, pool));
    let records =
        tasks.spawn("record", detect(Arc::clone(&shared), detection, (readers, journal), config.kernel.attach, stopped));

    let ended = tokio::select! {
        () = stop.recv() => None,
        name = tasks.first_to_end() => Some(name),
    };
    // The record task reads once more what there is before it ends; the sinks then have it all.
    stopping.send_replace(true);
    if timeout(FLUSH, records.wait()).await.is_err() {
        warn!("accesses are still coming; the rest is left behind");
    }
    tasks.abort();
    // Each says what it could not deliver.
    drop(shared.sinks.shutdown(FLUSH).await);
    drop(claim);
    if let Some(farewell) = farewell {
        farewell.say().await;
    }
    info!("stopped");
    ended.map_or(Ok(()), |name| Err(RunError::TaskEnded(name)))
}

/// The only place where it matters which detector it is.
async fn detect(
    shared: Arc<Shared>,
    detection: Detection,
    (readers, journal): (Readers, (Journal, Left)),
    attach: Choice,
    stopped: channel::Receiver<bool>,
) {
    match detection {
        Detection::Ebpf(both) => {
            let (detector, rings) = *both;
            let stream = Stream::new(Arc::clone(&shared), detector.report().method.name(), readers, journal);
            records::run(shared, stream, detector, rings, attach, stopped).await;
        }
        Detection::Fanotify(detector) => {
            let stream = Stream::new(Arc::clone(&shared), fanotify::NAME, readers, journal);
            events::run(shared, stream, *detector, stopped).await;
        }
    }
}
