//! Everything that is known in all parts, as one status.

use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use koney_common::Counter;

use super::{
    Shared,
    recent::{Place, Recent},
};
use crate::{
    admin::status::{
        Agent, Container, Detection, Hook, Loss, Refused, Resource, STDOUT, Sink, SinkState, Status, Step, Trap, VERSION,
    },
    alert::GapCause,
    cluster::{Problem, ProblemSeverity},
    kernel::{HookFailure, Watching},
    sink::Health,
    trap::{self, Table},
};

impl Shared {
    /// What there is to see of this agent now.
    pub(super) fn status(&self) -> Status {
        let snapshot = std::sync::Arc::clone(&self.snapshot.lock().unwrap_or_else(PoisonError::into_inner));
        let recent = self.recent();
        let status = Status {
            version: VERSION,
            time: Timestamp::now(),
            agent: self.agent(),
            attention: Vec::new(),
            detection: self.detection(&recent),
            traps: traps(&self.table(), &recent),
            sinks: self.sinks.health().into_iter().map(sink).collect(),
            accesses: recent.accesses(),
            resources: snapshot
                .problems
                .iter()
                .filter(|problem| problem.severity != ProblemSeverity::Info)
                .map(resource)
                .collect(),
        };
        status.judged()
    }

    /// What is attached from now on.
    pub(super) fn attached(&self, watching: Watching) {
        let mut now = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        let denied = now.denied.take();
        *now = Watching { denied, ..watching };
    }

    /// Denied opens are watched, or cannot be; `None` where nobody asks for them.
    pub(super) fn denied(&self, watched: Option<Result<(), HookFailure>>) {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner).denied = watched;
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was told of traps that are none any more.
    pub(super) fn tidy(&self) {
        let traps = self.table().views().map(|view| place(&view)).collect();
        self.recent().keep(&traps);
    }

    fn agent(&self) -> Agent {
        Agent {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.host.name.clone(),
            pid: std::process::id(),
            started: self.started,
            alive: self.health.is_alive(),
            ready: self.health.is_ready(),
            steps: self.health.steps().map(|(name, done)| Step { name: name.to_owned(), done }).collect(),
        }
    }

    fn detection(&self, recent: &Recent) -> Detection {
        let watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = self.seen(|seen| seen.counts).into_iter();
        let counters = counts.flat_map(|counts| Counter::ALL.map(|(counter, name)| (name.to_owned(), counts.get(counter))));
        Detection {
            kernel: watching.kernel.clone(),
            method: watching.name().to_owned(),
            degraded: watching.degraded.map(str::to_owned),
            refused: watching.refused.iter().map(|(method, reason)| refused(*method, reason)).collect(),
            hooks: hooks(&watching),
            losses: recent.losses().map(|(cause, count, last)| loss(cause, count, last)).collect(),
            counters: counters.collect(),
        }
    }
}

fn refused(method: Option<crate::kernel::Method>, reason: &str) -> Refused {
    Refused { method: method.map(|method| method.name().to_owned()).unwrap_or_default(), reason: reason.to_owned() }
}

fn hooks(watching: &Watching) -> Vec<Hook> {
    let Some(method) = watching.method else { return Vec::new() };
    let hook = |(hook, reason): (crate::kernel::Hook, Option<&str>)| Hook {
        name: hook.name().to_owned(),
        place: hook.attach_point(method),
        attached: reason.is_none(),
        reason: reason.map(str::to_owned),
        serves: hook.cost().to_owned(),
    };
    watching.hooks().map(hook).collect()
}

fn loss(cause: GapCause, count: u64, last: Timestamp) -> Loss {
    Loss { cause: cause.name().to_owned(), text: cause.text().to_owned(), count, last, remedy: remedy(cause).to_owned() }
}

/// What to do about a loss.
pub(super) const fn remedy(cause: GapCause) -> &'static str {
    match cause {
        GapCause::RingFull => "give the agent more CPU, or look at who floods the decoys: the alerts before it name them",
        GapCause::ProgramSkipped => "boot with `bpf` in the lsm= list; `koney-agent doctor` says what this kernel offers",
        GapCause::NotArmed => "give the agent more memory, or watch fewer traps on this node",
        GapCause::QueueFull => "raise /proc/sys/fs/fanotify/max_queued_events, or look at who floods the decoys",
        GapCause::NotOpened => "raise the agent's limit of open files, and see that the node has memory",
        GapCause::Blind => "see the log: it attaches again by itself; where it stays away, run `koney-agent doctor`",
        GapCause::NoAgent => "see why the agent was stopped; --pins keeps watch meanwhile, where the kernel allows it",
        GapCause::HeldAtReboot => "nothing: they were held for a few seconds when the machine went down",
        GapCause::InMemory => "make the folder of --state writable and its disk large enough",
    }
}

/// Those at whose place something lives, and those in sandboxes.
fn traps(table: &Table, recent: &Recent) -> Vec<Trap> {
    table.views().filter(|view| view.lives).map(|view| trap_of(&view, recent)).collect()
}

fn trap_of(view: &trap::View<'_>, recent: &Recent) -> Trap {
    let container = match view.place {
        trap::Place::Host => None,
        trap::Place::Container(container) => Some(Container {
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            name: container.name.clone(),
            id: container.id.clone(),
        }),
    };
    let touched = recent.touched(&place(view));
    let (text, remedy) = (view.state.to_string(), view.state.remedy());
    Trap {
        policies: view.policies.iter().map(|policy| (*policy).to_owned()).collect(),
        path: view.path.to_owned(),
        container,
        state: view.state.name().to_owned(),
        watched: view.state.is_watched(),
        reason: Some(text).filter(|text| text != view.state.name()),
        remedy: Some(remedy.to_owned()).filter(|remedy| !remedy.is_empty()),
        accesses: touched.map_or(0, |touched| touched.count),
        last_access: touched.map(|touched| touched.last),
    }
}

/// What [`Recent`] knows a trap by.
pub(super) fn place(view: &trap::View<'_>) -> Place {
    (view.place.container_id().map(str::to_owned), view.path.to_owned())
}

fn sink(health: Health) -> Sink {
    let state = match (health.configured, &health.last_error, health.last_success) {
        (false, ..) => SinkState::NotConfigured,
        (true, Some(_), _) if health.failing => SinkState::Failing,
        (true, _, Some(_)) => SinkState::Delivering,
        (true, _, None) => SinkState::Idle,
    };
    Sink {
        name: health.id.name,
        receiver: if health.receiver.is_empty() { STDOUT } else { health.receiver }.to_owned(),
        state,
        queued: health.queued,
        oldest: health.oldest,
        delivered: health.delivered,
        last_success: health.last_success,
        dead_letters: health.dead_letters,
        dropped: health.dropped,
        filtered: health.filtered,
        error: health.last_error,
        volatile: health.volatile,
    }
}

fn resource(problem: &Problem) -> Resource {
    Resource {
        error: problem.severity == ProblemSeverity::Error,
        object: problem.object.clone().unwrap_or_else(|| problem.file.to_string_lossy().into_owned()),
        field: problem.field.clone(),
        reason: problem.reason.clone(),
        remedy: problem.remedy.clone(),
    }
}
