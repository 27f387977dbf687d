//! One detector in the running kernel with one trap table, as the agent has them.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result};
use koney_agent::{
    event::{Check, Observation, Operation, PathKind, decode},
    kernel::{Choice, Counts, Detection, Holder, Method, Options, Ring, Root, fanotify, held::holders, is_canary, is_undecided},
    trap::{self, Accessor, ContainerPlace, Decided, Held, Hit, Judgement, Table, Undecided, Wanted},
    workload::{Clock, Completer},
};
use koney_common::{RepeatsKey, TrapKey, name::CrowdKey};

use super::told::Told;
use crate::container::Place;

/// Looks at the decoys that a touch may wait for: the agent gives up after seconds, this after so many.
const ROUNDS: usize = 8;

/// One detector, attached by one method, with one trap table, in this kernel.
pub struct Scene {
    detection: Detection,
    table: Table,
    undecided: Undecided,
    wanted: Vec<(String, Place, String, bool)>,
    firsts: BTreeMap<RepeatsKey, Vec<Told>>,
    completer: Completer,
    held: Held,
    holders: Vec<Holder>,
    latest: BTreeMap<u32, Vec<Told>>,
    folded: BTreeMap<CrowdKey, u64>,
}

impl Scene {
    /// Attaches by an eBPF method.
    #[expect(clippy::unused_async, reason = "starting waits for the canary, and callers must not rely on how")]
    pub async fn start(method: Method) -> Result<Self> {
        Self::with(Choice::Only(method))
    }

    /// Watches by fanotify.
    #[expect(clippy::unused_async, reason = "as for `start`")]
    pub async fn start_fanotify() -> Result<Self> {
        Self::with(Choice::Fanotify)
    }

    fn with(attach: Choice) -> Result<Self> {
        let detection = Detection::start(Options { attach, ..Options::default() })?;
        Ok(Self {
            detection,
            table: Table::default(),
            undecided: Undecided::default(),
            wanted: Vec::new(),
            firsts: BTreeMap::new(),
            completer: Completer::default(),
            held: Held::default(),
            holders: Vec::new(),
            latest: BTreeMap::new(),
            folded: BTreeMap::new(),
        })
    }

    /// A trap of `policy` at `path`, looked up in `place`.
    pub fn want(&mut self, policy: &str, place: &Place, path: &str) {
        // What was done to files of that name before is no matter of the new policy.
        if let Detection::Ebpf(both) = &mut self.detection {
            drain(&mut both.1.candidates, &mut Vec::new());
        }
        self.wanted.push((policy.to_owned(), place.clone(), path.to_owned(), false));
        self.update();
    }

    /// Traps of one policy in one place, all at once.
    pub fn want_all(&mut self, policy: &str, place: &Place, paths: &[String]) {
        self.wanted.extend(paths.iter().map(|path| (policy.to_owned(), place.clone(), path.clone(), false)));
        self.update();
    }

    /// The same, of a policy that has denied attempts told too.
    pub fn want_denied(&mut self, policy: &str, place: &Place, path: &str) {
        self.wanted.push((policy.to_owned(), place.clone(), path.to_owned(), true));
        self.update();
    }

    /// No trap is wanted any more.
    pub fn unwant_all(&mut self) {
        self.wanted.clear();
        self.update();
    }

    /// One arming round, as the agent does on a new policy and every 5 s.
    pub async fn settle(&mut self) {
        let (round, jobs, pool) = (self.table.begin_round(), self.table.jobs(), self.detection.pool());
        let outcomes = pool.arm(jobs.clone()).await;
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            if let Some(key) = pool.root(job.root) {
                self.table.know_root(job.root, key);
            }
            self.table.settle(&job, outcome);
        }
        self.table.end_round(round);
        self.holders.extend(holders(&self.table.fresh()));
        self.disarm();
        self.name();
    }

    /// The trap's state in words: armed, missing, replaced, unreachable, unsupported.
    #[must_use]
    pub fn state(&self, place: &Place, path: &str) -> String {
        let state = self.table.states().find(|(at, its_path, _)| at.container_id() == place.id() && *its_path == path);
        let words = state.map_or_else(|| "unknown".to_owned(), |(_, _, state)| state.to_string());
        words.split(':').next().unwrap_or_default().to_owned()
    }

    /// Everything told since the last look, the counts of what processes did again included.
    pub async fn told(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        for _ in 0..ROUNDS {
            let seen = self.seen();
            let changed = seen.iter().any(|seen| seen.operation.moves_files());
            for observation in seen {
                told.extend(self.judge(&observation));
            }
            if !changed && !self.undecided.is_waiting() {
                break;
            }
            self.settle().await;
            for decided in self.undecided.decide(&mut self.table, false) {
                told.extend(self.decided(&decided));
            }
        }
        told.extend(self.holding());
        told.extend(self.repeated());
        told.extend(self.crowds());
        self.disarm();
        told
    }

    /// Descriptors that were open before, after all that the hooks have told.
    fn holding(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        for holder in std::mem::take(&mut self.holders) {
            if !self.held.is_told(&holder) {
                let seen = Held::observation(&holder, Clock.boot_ns(), self.completer.describe(Some(holder.pid)));
                told.extend(self.judge(&seen));
            }
        }
        told
    }

    fn judge(&mut self, seen: &Observation) -> Vec<Told> {
        if !is_undecided(seen.trap) {
            let hits = self.table.hits(seen);
            return self.hit(seen, &hits);
        }
        match self.undecided.judge(&mut self.table, seen) {
            Judgement::Held => Vec::new(),
            Judgement::Hits(hits) => self.decided(&Decided { seen: seen.clone(), hits }),
            Judgement::Nobody => self.decided(&Decided { seen: seen.clone(), hits: Vec::new() }),
        }
    }

    /// As the agent's pipeline does.
    fn decided(&mut self, decided: &Decided) -> Vec<Told> {
        let Decided { seen, hits } = decided;
        if let (Detection::Ebpf(both), Some(cgroup), true) = (&mut self.detection, seen.subject.cgroup_id, hits.is_empty()) {
            let concerned = self.table.concerns(Accessor::of(&seen.subject));
            both.0.candidates().refuse(cgroup, if concerned { seen.key } else { TrapKey::default() });
        }
        if let (Detection::Ebpf(both), Some(trap)) = (&mut self.detection, self.table.adopt(seen, hits)) {
            both.0.candidates().promote(trap, seen.key);
        }
        self.hit(seen, hits)
    }

    fn hit(&mut self, seen: &Observation, hits: &[Hit]) -> Vec<Told> {
        self.held.note(seen);
        let told: Vec<_> = hits.iter().map(|hit| Told::of(seen, hit)).collect();
        self.firsts.insert(repeats(seen), told.clone());
        self.latest.insert(seen.trap, told.clone());
        told
    }

    /// Accesses that the kernel skipped, by its own counters.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.counts().missed.unwrap_or(0)
    }

    /// What the programs counted; nothing for fanotify.
    #[must_use]
    pub fn counts(&self) -> Counts {
        match &self.detection {
            Detection::Ebpf(both) => both.0.counts().expect("the kernel's counters can be read"),
            Detection::Fanotify(_) => Counts::default(),
        }
    }

    fn seen(&mut self) -> Vec<Observation> {
        let (mut seen, completer) = (Vec::new(), &mut self.completer);
        match &mut self.detection {
            Detection::Ebpf(both) => {
                drain(&mut both.1.records, &mut seen);
                seen.retain(|observation| !is_canary(observation.trap));
                let slots = both.0.slots().take().expect("the slots can be read");
                seen.extend(slots.iter().filter_map(|(trap, slot)| Observation::of_slot(*trap, slot)));
                drain(&mut both.1.candidates, &mut seen);
                seen.sort_by_key(|observation| observation.boot_ns);
            }
            Detection::Fanotify(detector) => {
                let drained = detector.drain(|access| seen.push(observed(access, completer)));
                drained.context("read the events").expect("the queue can be read");
            }
        }
        seen
    }

    /// What further processes of a crowd did, told together.
    fn crowds(&mut self) -> Vec<Told> {
        let Detection::Ebpf(both) = &self.detection else { return Vec::new() };
        let windows = both.0.crowds().read().expect("the crowds can be read");
        let mut told = Vec::new();
        for (key, window) in windows {
            let before = self.folded.insert(key, window.folded).unwrap_or(0);
            let (new, last) = (window.folded - before, self.latest.get(&key.trap));
            if new > 0 {
                told.extend(last.into_iter().flatten().map(|last| Told { count: new, ..last.clone() }));
            }
        }
        told
    }

    /// Ends every count, as a pause would.
    fn repeated(&mut self) -> Vec<Told> {
        let Detection::Ebpf(both) = &mut self.detection else { return Vec::new() };
        let table = both.0.repeats();
        let counts = table.read().expect("the counts can be read");
        let mut told = Vec::new();
        for key in counts.into_keys() {
            let count = table.close(&key).map_or(0, |repeats| repeats.count);
            let firsts = self.firsts.remove(&key).unwrap_or_default();
            if count > 0 {
                told.extend(firsts.into_iter().map(|first| Told { count, ..first }));
            }
        }
        told
    }

    fn update(&mut self) {
        let wanted = self.wanted.iter().map(|(policy, at, path, denied)| Wanted {
            place: place(at),
            policy: policy.clone(),
            file_path: path.clone(),
            denied: *denied,
        });
        self.table.want(wanted);
        if let Detection::Ebpf(both) = &mut self.detection {
            both.0.watch_denied(self.table.wants_denied()).expect("denied opens can be watched");
            both.0.candidates().forget_refusals().expect("refusals can be forgotten");
        }
        self.name();
        self.disarm();
    }

    fn name(&self) {
        self.detection.pool().name(&self.table.names()).expect("the kernel takes the names");
    }

    fn disarm(&mut self) {
        let keys = self.table.orphaned();
        self.detection.pool().disarm(&keys);
    }
}

/// The place, as the trap table knows it.
fn place(place: &Place) -> trap::Place {
    match place {
        Place::Host => trap::Place::Host,
        Place::Container(container) => {
            let root = Root::of(container.pid).unwrap_or(Root::Process { pid: container.pid, start_ticks: 0 });
            let id = container.id.clone();
            trap::Place::Container(Arc::new(ContainerPlace { id, root: Some(root), ..ContainerPlace::default() }))
        }
    }
}

fn drain(ring: &mut Ring, seen: &mut Vec<Observation>) {
    ring.drain(usize::MAX, |record| seen.push(decode(record).expect("the kernel's record decodes")));
    ring.publish();
}

fn observed(access: fanotify::Access, completer: &mut Completer) -> Observation {
    let fanotify::Access { boot_ns, pid, key, trap, path } = access;
    Observation {
        boot_ns,
        operation: Operation::Open,
        check: Check::Identity,
        trap,
        key,
        generation: None,
        nested: false,
        open_flags: None,
        path,
        path_kind: PathKind::Whole,
        root: None,
        subject: completer.describe(pid),
    }
}

fn repeats(seen: &Observation) -> RepeatsKey {
    RepeatsKey {
        file: seen.key,
        start_time_ns: seen.subject.start_ns.unwrap_or(0),
        init_pid: seen.subject.init_pid,
        operation: u32::from(seen.operation.code()),
    }
}
