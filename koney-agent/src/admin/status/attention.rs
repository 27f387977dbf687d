//! What a person should look at, drawn from everything else: thing, cause, remedy.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Container, Detection, Resource, Sink, SinkState, Status, Trap, words::number};

/// Traps that are named in one sentence.
const NAMED: usize = 3;
/// Resources that are told of; the rest is counted.
const RESOURCES: usize = 20;
/// A loss that is older than this is history.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// How much it matters.
    pub level: Level,
    /// What it is about, for example `sink prod`.
    pub about: String,
    /// What is so, and why.
    pub what: String,
    /// What to do about it, where the cause does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Something does not work: accesses go unseen, or alerts do not arrive.
    Problem,
    /// Nothing is lost now, and somebody may want to know.
    Remark,
}

/// Everything, problems first.
pub(super) fn of(status: &Status) -> Vec<Attention> {
    let mut found = Vec::new();
    agent(status, &mut found);
    detection(&status.detection, status.time, &mut found);
    traps(&status.traps, &mut found);
    status.sinks.iter().for_each(|sink| of_sink(sink, &mut found));
    if status.agent.ready && !status.sinks.iter().any(Sink::has_resource) {
        let remedy = "apply a DeceptionAlertSink, and its Secret, in the agent's namespace (docs/sinks.md)";
        found.push(remark("sinks", "there is none: alerts go to the agent's standard output only", remedy));
    }
    resources(&status.resources, &mut found);
    found.sort_by_key(|attention| attention.level);
    found
}

fn agent(status: &Status, found: &mut Vec<Attention>) {
    if !status.agent.alive {
        let remedy = "restart the agent, and report it with the log: this is a bug";
        found.push(problem("agent", "records are not read any more", remedy));
    }
    for step in status.agent.steps.iter().filter(|step| !step.done) {
        let (what, remedy) = match step.name.as_str() {
            "attached" => ("accesses are not seen yet", "see the log for what the kernel refuses, or run `koney-agent doctor`"),
            "policies" => {
                ("the policies are not known yet", "see the log: the API server or the folder of manifests must answer")
            }
            "pods" => ("this node's pods are not known yet", "see the log: the kubelet or the API server must answer"),
            _ => {
                ("the decoys have not all been looked at yet", "wait; where it lasts, a file system does not answer: see the log")
            }
        };
        found.push(problem(&format!("readiness, {}", step.name), what, remedy));
    }
}

fn detection(detection: &Detection, now: Timestamp, found: &mut Vec<Attention>) {
    for loss in &detection.losses {
        let ago = now.duration_since(loss.last);
        let what = format!("{} {}", number(loss.count), loss.text);
        let tell = if ago <= RECENT { problem } else { remark };
        found.push(tell("detection", &what, &loss.remedy));
    }
    if let Some(reason) = &detection.degraded {
        let remedy = "`koney-agent doctor` says what this machine lacks for more";
        found.push(remark("detection", &format!("{} keeps watch, degraded: {reason}", detection.method), remedy));
    }
    for hook in detection.hooks.iter().filter(|hook| !hook.attached) {
        let reason = hook.reason.as_deref().unwrap_or("no reason is known");
        let what = format!("this goes unseen: {}; {} is refused: {reason}", hook.serves, hook.place);
        found.push(remark("detection", &what, "a newer kernel may have this hook; the support table in the README says which"));
    }
}

fn traps(traps: &[Trap], found: &mut Vec<Attention>) {
    let mut told: Vec<(&str, &Option<String>)> = Vec::new();
    for trap in traps.iter().filter(|trap| trap.remedy.is_some() || !trap.watched) {
        let kind = (trap.state.as_str(), &trap.remedy);
        if told.contains(&kind) {
            continue;
        }
        told.push(kind);
        let alike: Vec<_> = traps.iter().filter(|trap| (trap.state.as_str(), &trap.remedy) == kind).collect();
        let mut names: Vec<_> = alike.iter().take(NAMED).map(|trap| name(trap)).collect();
        if alike.len() > NAMED {
            names.push(format!("and {} more", number(alike.len() - NAMED)));
        }
        let (what, about) = match alike.len() {
            1 => (format!("1 is {}: {}", trap.state, names.join(", ")), "traps"),
            count => (format!("{} are {}: {}", number(count), trap.state, names.join(", ")), "traps"),
        };
        let level = if trap.remedy.is_some() { Level::Problem } else { Level::Remark };
        found.push(Attention { level, about: about.to_owned(), what, remedy: trap.remedy.clone() });
    }
    if traps.is_empty() {
        let remedy = "apply a DeceptionPolicy that selects a container of this node, or the host in a folder of manifests";
        found.push(remark("traps", "there is none on this node: no policy selects anything here", remedy));
    }
}

fn name(trap: &Trap) -> String {
    let place = trap.container.as_ref().map(Container::place).map(|place| format!(" in {place}")).unwrap_or_default();
    match trap.reason.as_deref().and_then(|reason| reason.split_once(": ")) {
        Some((_state, reason)) => format!("{}{place} ({reason})", trap.path),
        None => format!("{}{place}", trap.path),
    }
}

fn of_sink(sink: &Sink, found: &mut Vec<Attention>) {
    let about = format!("sink {}", sink.name);
    let waiting = match sink.queued {
        0 => String::new(),
        1 => ", 1 alert waits".to_owned(),
        count => format!(", {} alerts wait", number(count)),
    };
    let again =
        format!("when it is mended, `koney-agent sink test {}` tries it at once; what waits goes out by itself", sink.name);
    match (sink.state, &sink.error) {
        (SinkState::NotConfigured, error) => {
            let error = error.as_deref().unwrap_or("it has no configuration yet");
            found.push(problem(&about, &format!("nothing can be sent{waiting}: {error}"), &again));
        }
        (SinkState::Failing, Some(error)) => {
            found.push(problem(&about, &format!("the last attempt failed{waiting}: {error}"), &again));
        }
        // The configuration in use is not the newest.
        (_, Some(error)) => found.push(problem(&about, &format!("it goes on as it was{waiting}: {error}"), &again)),
        _ => {}
    }
    if sink.dead_letters > 0 {
        let what = format!("{} that it will never take", alerts(sink.dead_letters as u64));
        let remedy = format!("`koney-agent deadletter list --sink {}` says why; then retry or drop them", sink.name);
        found.push(problem(&about, &what, &remedy));
    }
    if sink.dropped > 0 {
        let what = format!("{} found no room and are lost", alerts(sink.dropped));
        found.push(problem(&about, &what, "mend what keeps it from sending; the queue holds 10,000 alerts"));
    }
    if let Some(reason) = sink.volatile.as_deref().filter(|_| sink.has_resource()) {
        let remedy = "make the folder of --state writable and its disk large enough; it goes back to disk by itself";
        found.push(problem(&about, &format!("what waits is in memory only: {reason}"), remedy));
    }
    if sink.filtered > 0 && sink.delivered == 0 && sink.queued == 0 {
        let what = format!("it has had nothing: its filter left out {}", alerts(sink.filtered));
        found.push(remark(&about, &what, "see `spec.filter` of the sink, if they are meant for it"));
    }
}

fn resources(resources: &[Resource], found: &mut Vec<Attention>) {
    for resource in resources.iter().take(RESOURCES) {
        let what = match &resource.field {
            Some(field) => format!("{field} {}", resource.reason),
            None => resource.reason.clone(),
        };
        let tell = if resource.error { problem } else { remark };
        found.push(tell(&resource.object, &what, &resource.remedy));
    }
    if let Some(more) = resources.len().checked_sub(RESOURCES).filter(|more| *more > 0) {
        let what = format!("there is something about {} more of them", number(more));
        found.push(remark("resources", &what, "mend those that are named; `-o json` has all"));
    }
}

fn alerts(count: u64) -> String {
    if count == 1 { "1 alert".to_owned() } else { format!("{} alerts", number(count)) }
}

fn problem(about: &str, what: &str, remedy: &str) -> Attention {
    told(Level::Problem, about, what, remedy)
}

fn remark(about: &str, what: &str, remedy: &str) -> Attention {
    told(Level::Remark, about, what, remedy)
}

fn told(level: Level, about: &str, what: &str, remedy: &str) -> Attention {
    let remedy = Some(remedy.to_owned()).filter(|remedy| !remedy.is_empty());
    Attention { level, about: about.to_owned(), what: what.to_owned(), remedy }
}
