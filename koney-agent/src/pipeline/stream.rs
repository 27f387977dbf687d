//! From what a detector saw to the alerts of the traps it hit: the same whichever detector it was.

mod late;
mod outbox;

use std::{sync::Arc, time::Duration};

use koney_common::TrapKey;
use tracing::{debug, error, info};

use super::{
    Shared,
    crowds::Crowds,
    former::Overlap,
    readers::Readers,
    repeats::{self, Bursts},
};
use crate::{
    alert::{self, Alert},
    event::{Check, Observation, Operation, PathKind, decode},
    journal::{self, Journal, Left, RecordId},
    kernel::{HookFailure, Watching, fanotify::Access, is_canary, is_undecided},
    trap::{Accessor, Decided, Deed, Held, Hit, Judgement, Planting, Settled, Strangers, Undecided},
    workload::{Clock, Completer},
};

/// Turns records and events into alerts.
pub(super) struct Stream {
    shared: Arc<Shared>,
    /// Goes with every alert.
    pub(super) detector: &'static str,
    completer: Completer,
    /// What processes did again; only the kernel programs count that.
    pub(super) bursts: Bursts,
    /// What further processes did.
    pub(super) crowds: Crowds,
    undecided: Undecided,
    readers: Readers,
    strangers: Strangers,
    planting: Planting,
    held: Held,
    overlap: Overlap,
    /// What is read now was seen by the programs of an earlier agent.
    former: bool,
    /// Files that only have a decoy's name, for the kernel to know.
    verdicts: Vec<Verdict>,
    /// What is held, on disk.
    journal: Journal,
    /// What earlier agents held when they ended.
    left: Option<Left>,
    /// The record that is being looked at.
    current: Option<RecordId>,
    /// It waits until more is known.
    is_held: bool,
    /// The last alerts could not be put on disk.
    volatile: bool,
    /// Told, and not with the sinks yet.
    outbox: Vec<Arc<Alert>>,
}

/// What the kernel is to know about a file with a decoy's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is that of this trap.
    Trap(u32, TrapKey),
    /// It is none, for the processes of this cgroup.
    Refused(u64, TrapKey),
    /// There are none, for the processes of this cgroup.
    NoneInCgroup(u64, TrapKey),
}

impl Stream {
    pub(super) fn new(shared: Arc<Shared>, detector: &'static str, readers: Readers, (journal, left): (Journal, Left)) -> Self {
        Self {
            shared,
            detector,
            completer: Completer::default(),
            bursts: Bursts::default(),
            crowds: Crowds::default(),
            undecided: Undecided::default(),
            readers,
            strangers: Strangers::default(),
            planting: Planting::default(),
            held: Held::default(),
            overlap: Overlap::default(),
            former: false,
            verdicts: Vec::new(),
            journal,
            left: Some(left),
            current: None,
            is_held: false,
            volatile: false,
            outbox: Vec::new(),
        }
    }

    /// An event of fanotify: first of all who it was, for that is gone soon.
    pub(super) fn event(&mut self, access: Access) {
        let Access { boot_ns, pid, key, trap, path } = access;
        let subject = self.completer.describe(pid);
        let seen = Observation {
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
            subject,
        };
        self.access(seen);
    }

    /// True for the canary's record.
    pub(super) fn record(&mut self, bytes: &[u8]) -> bool {
        match decode(bytes) {
            Ok(seen) if is_canary(seen.trap) => return true,
            Ok(seen) if self.is_told(&seen) => debug!(trap = seen.trap, "the programs of two agents have seen it"),
            Ok(seen) => {
                let id = journal::id(&seen);
                self.current = Some(id);
                self.is_held = false;
                if is_undecided(seen.trap) {
                    self.candidate(&seen);
                } else {
                    self.access(seen);
                }
                self.current = None;
                if self.is_held {
                    self.journal.hold(id, bytes);
                }
            }
            Err(error) => {
                let total = self.shared.tally.unreadable.add(1);
                error!(%error, total, "a record cannot be read; report this with the kernel's version");
            }
        }
        false
    }

    /// It was told as what the programs of the other agent have seen.
    fn is_told(&mut self, seen: &Observation) -> bool {
        if self.former { self.overlap.is_told_of_former(seen) } else { self.overlap.is_told(seen) }
    }

    /// Some policy asks for attempts that the kernel denies.
    pub(super) fn wants_denied(&self) -> bool {
        self.shared.table().wants_denied()
    }

    /// Another method is attached.
    pub(super) fn attached(&mut self, watching: Watching) {
        self.detector = watching.name();
        self.shared.attached(watching);
    }

    /// Denied opens are watched, or cannot be; `None` where nobody asks for them.
    pub(super) fn denied(&self, watched: Option<Result<(), HookFailure>>) {
        self.shared.denied(watched);
    }

    /// Both an earlier agent's programs and this one's have told since then.
    pub(super) fn overlaps(&mut self, from_ns: u64) {
        self.overlap = Overlap::since(from_ns);
    }

    /// What follows was seen by the programs of an earlier agent.
    pub(super) const fn of_former(&mut self, former: bool) {
        self.former = former;
    }

    /// Tells of a touch of an armed file.
    fn access(&mut self, seen: Observation) {
        if self.shared.table().is_anew(&seen) {
            self.candidate(&seen);
            return;
        }
        let hits = self.shared.table().hits(&seen);
        if hits.is_empty() {
            // Its policy went away while the record was on its way, or a stranger was given a decoy's inode number.
            let total = self.shared.tally.stale.add(1);
            self.settled(&seen);
            debug!(trap = seen.trap, total, "a touch of a file that is no trap any more");
            return;
        }
        self.hit(seen, hits);
    }

    /// A file with a decoy's name that nobody had armed.
    fn candidate(&mut self, seen: &Observation) {
        let judgement = self.undecided.judge(&mut self.shared.table(), seen);
        match judgement {
            Judgement::Hits(hits) => self.decided(Decided { seen: seen.clone(), hits }),
            Judgement::Held => {
                self.hold(journal::id(seen));
                self.shared.look.notify_one();
                if !self.shared.table().is_decided(seen) {
                    self.shared.refresh.notify_one();
                }
            }
            Judgement::Nobody => self.decided(Decided { seen: seen.clone(), hits: Vec::new() }),
        }
    }

    /// Decides about what was held, as far as that is possible now.
    pub(super) fn decide(&mut self, all: bool) {
        let decided = {
            let mut table = self.shared.table();
            let decided = self.undecided.decide(&mut table, all);
            if self.undecided.is_asking(&table) {
                self.shared.refresh.notify_one();
            }
            decided
        };
        for decided in decided {
            self.decided(decided);
        }
        self.settle(all);
    }

    /// What was held until more is known of its container, or until Koney says whether it was Koney.
    fn settle(&mut self, all: bool) {
        if !(self.strangers.is_waiting() || self.planting.is_waiting()) {
            return;
        }
        let introduced = match self.shared.table().surroundings() {
            Some(around) => self.strangers.introduced(around, all),
            None => Vec::new(),
        };
        for deed in introduced {
            self.introduced(deed);
        }
        let Settled { told, planted } = match self.shared.table().surroundings() {
            Some(around) => self.planting.settle(around, all),
            None => Settled::default(),
        };
        for (seen, hits) in told {
            self.tell(&seen, &hits);
        }
        if !planted.is_empty() {
            let total = self.shared.tally.planting.add(planted.len() as u64);
            info!(acts = planted.len(), total, "Koney has planted a decoy; what it did to it is not told");
        }
        for seen in planted {
            self.settled(&seen);
            self.bursts.begin(repeats::key(&seen), Vec::new());
        }
        if self.strangers.is_waiting() || self.planting.is_waiting() {
            self.shared.refresh.notify_one();
        }
    }

    fn decided(&mut self, decided: Decided) {
        let Decided { seen, hits } = decided;
        if !hits.is_empty() {
            let trap = self.shared.table().adopt(&seen, &hits);
            self.verdicts.extend(trap.map(|trap| Verdict::Trap(trap, seen.key)));
            // Not armed yet, if only by its path: soon.
            self.shared.look.notify_one();
            self.hit(seen, hits);
            return;
        }
        self.settled(&seen);
        let Some(cgroup) = seen.subject.cgroup_id else { return };
        let concerned = self.shared.table().concerns(Accessor::of(&seen.subject));
        self.verdicts.push(if concerned { Verdict::Refused(cgroup, seen.key) } else { Verdict::NoneInCgroup(cgroup, seen.key) });
    }

    /// What was refused for a container may be one of its traps now.
    pub(super) fn is_to_forget(&self) -> bool {
        self.shared.table().has_grown()
    }

    /// What the kernel is to know since the last call.
    pub(super) fn verdicts(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.verdicts)
    }

    fn hit(&mut self, mut seen: Observation, hits: Vec<Hit>) {
        if seen.operation.moves_files() {
            self.shared.look.notify_one();
        }
        self.completer.complete(&mut seen.subject);
        self.held.note(&seen);
        let (key, id) = (repeats::key(&seen), journal::id(&seen));
        let deed = match self.shared.table().surroundings() {
            Some(around) => self.strangers.hold(around, (seen, hits)),
            None => Some((seen, hits)),
        };
        let Some(deed) = deed else {
            self.hold(id);
            self.bursts.wait(key);
            self.shared.refresh.notify_one();
            return;
        };
        self.introduced(deed);
    }

    /// Who did it is known, as far as it will ever be.
    fn introduced(&mut self, (seen, hits): Deed) {
        let expected = Arc::clone(&*self.shared.expected());
        let pod = self.shared.table().pod_of(&seen);
        let hits = self.readers.unexpected(&seen, hits, pod.as_deref(), &expected, &self.shared.tally.expected);
        let (key, id) = (repeats::key(&seen), journal::id(&seen));
        if hits.is_empty() {
            self.settled(&seen);
            // What an expected reader does again is as much expected.
            self.bursts.begin(key, Vec::new());
            return;
        }
        let deed = match self.shared.table().surroundings() {
            Some(around) => {
                let time = Clock.wall(seen.boot_ns);
                self.planting.hold(around, (seen, hits), time)
            }
            None => Some((seen, hits)),
        };
        let Some((seen, hits)) = deed else {
            self.hold(id);
            self.bursts.wait(key);
            // Koney says soon whether it was Koney.
            self.shared.refresh.notify_one();
            return;
        };
        self.tell(&seen, &hits);
    }

    fn tell(&mut self, seen: &Observation, hits: &[Hit]) {
        let container = self.shared.table().container_of(seen);
        let alert = |hit: &Hit| {
            let labels = self.shared.labels(&hit.policy);
            Arc::new(alert::of_hit(seen, hit, labels, container.as_deref(), &self.shared.host, Clock, self.detector))
        };
        let alerts: Vec<_> = hits.iter().map(alert).collect();
        self.shared.tally.told(&alerts, Duration::from_nanos(Clock.boot_ns().saturating_sub(seen.boot_ns)));
        self.deliver(&alerts);
        self.crowds.note(seen.trap, &alerts);
        self.bursts.begin(repeats::key(seen), alerts);
        self.settled(seen);
    }
}
