//! A status as tables that fit a terminal.

use jiff::Timestamp;

use super::{
    Access, Container, Level, Sink, Status, Trap,
    grid::Grid,
    words::{ago, number, time},
};
use crate::plain::{line, wrapped};

/// Rows of one table; the rest is summed up.
const ROWS: usize = 40;
/// Accesses that are told.
const ACCESSES: usize = 10;
/// A line is neither narrower nor wider, whatever the terminal is.
const WIDTHS: (usize, usize) = (60, 200);

/// What of a status is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Only traps and accesses of this policy.
    pub policy: Option<String>,
    /// Only what needs attention.
    pub problems: bool,
}

impl Status {
    /// For people, in lines of at most `width` columns where a word allows it.
    #[must_use]
    pub fn text(&self, chosen: &Chosen, width: usize) -> String {
        let width = width.clamp(WIDTHS.0, WIDTHS.1);
        let mut text = String::new();
        self.head(&mut text, width);
        self.attention_text(&mut text, width);
        if chosen.problems {
            return text;
        }
        let of_policy = |policies: &[String]| chosen.policy.as_ref().is_none_or(|wanted| policies.contains(wanted));
        let traps: Vec<_> = self.traps_worst_first().into_iter().filter(|trap| of_policy(&trap.policies)).collect();
        traps_text(&mut text, &traps, self.time, width);
        sinks_text(&mut text, &self.sinks_worst_first(), self.time, width);
        let accesses: Vec<_> = self.accesses.iter().filter(|access| of_policy(&access.policies)).collect();
        accesses_text(&mut text, &accesses, width);
        text
    }

    fn head(&self, text: &mut String, width: usize) {
        let agent = &self.agent;
        let missing: Vec<_> = agent.steps.iter().filter(|step| !step.done).map(|step| step.name.as_str()).collect();
        let ready = if missing.is_empty() { "ready".to_owned() } else { format!("not ready ({})", missing.join(", ")) };
        let since = format!("since {} UTC ({})", time(agent.started), ago(agent.started, self.time));
        wrapped(text, "agent      ", &format!("koney-agent {} on {}, {ready}, {since}", agent.version, agent.node), width);
        let detection = &self.detection;
        let attached = detection.hooks.iter().filter(|hook| hook.attached).count();
        let mut parts = vec![format!("by {} on Linux {}", detection.method, detection.kernel)];
        if !detection.hooks.is_empty() {
            parts.push(format!("{attached} of {} hooks attached", detection.hooks.len()));
        }
        parts.push(match detection.losses.len() {
            0 => "nothing lost since the start".to_owned(),
            _ => "accesses may have gone unseen, see below".to_owned(),
        });
        wrapped(text, "detection  ", &parts.join("; "), width);
        for refused in &detection.refused {
            let method = if refused.method.is_empty() { String::new() } else { format!("{}: ", refused.method) };
            wrapped(text, "  refused  ", &format!("{method}{}", refused.reason), width);
        }
    }

    fn attention_text(&self, text: &mut String, width: usize) {
        if self.attention.is_empty() {
            text.push_str("\nNothing needs attention.\n");
            return;
        }
        let about = self.attention.iter().map(|attention| line(&attention.about).chars().count()).max().unwrap_or(0).clamp(5, 28);
        text.push_str("\nATTENTION\n");
        for attention in &self.attention {
            let level = match attention.level {
                Level::Problem => "problem",
                Level::Remark => "remark",
            };
            let start = format!("{level:7}  {:about$}  ", line(&attention.about));
            wrapped(text, &start, &attention.what, width);
            if let Some(remedy) = &attention.remedy {
                wrapped(text, &format!("{:indent$}remedy: ", "", indent = start.chars().count()), remedy, width);
            }
        }
    }
}

fn traps_text(text: &mut String, traps: &[&Trap], now: Timestamp, width: usize) {
    let mut states: Vec<(&str, usize)> = Vec::new();
    for trap in traps {
        match states.last_mut() {
            Some((state, count)) if *state == trap.state => *count += 1,
            _ => states.push((&trap.state, 1)),
        }
    }
    let states: Vec<_> = states.iter().map(|(state, count)| format!("{} {state}", number(*count))).collect();
    let states = if states.is_empty() { "none".to_owned() } else { states.join(", ") };
    text.extend(["\nTRAPS: ", &states, "\n"]);
    let mut grid = Grid::new(["STATE", "LAST ACCESS", "POLICY", "PATH", "IN"], &[2, 3, 4]);
    for trap in traps.iter().take(ROWS) {
        grid.row([
            trap.state.clone(),
            last(trap.last_access, now),
            trap.policies.join(","),
            trap.path.clone(),
            place(trap.container.as_ref()),
        ]);
    }
    grid.write(text, width);
    more(text, traps.len(), ROWS, "`--policy NAME` shows those of one policy, `-o json` has all");
}

fn sinks_text(text: &mut String, sinks: &[&Sink], now: Timestamp, width: usize) {
    text.push_str("\nSINKS\n");
    let header = ["STATE", "NAME", "RECEIVER", "WAIT", "OLDEST", "DEAD", "SENT", "LAST SENT"];
    let mut grid = Grid::new(header, &[1, 2]);
    for sink in sinks {
        grid.row([
            sink.state.name().to_owned(),
            sink.name.clone(),
            sink.receiver.clone(),
            number(sink.queued as u64),
            sink.oldest.map_or_else(|| "-".to_owned(), |oldest| ago(oldest, now)),
            number(sink.dead_letters as u64),
            number(sink.delivered),
            last(sink.last_success, now),
        ]);
    }
    grid.write(text, width);
}

fn accesses_text(text: &mut String, accesses: &[&Access], width: usize) {
    if accesses.is_empty() {
        text.push_str("\nLAST ACCESSES: none since the start\n");
        return;
    }
    text.push_str("\nLAST ACCESSES\n");
    let mut grid = Grid::new(["TIME (UTC)", "WHAT", "PATH", "PROCESS", "IN", "POLICY"], &[2, 3, 4, 5]);
    for access in accesses.iter().take(ACCESSES) {
        let what = if access.count > 1 { format!("{} ×{}", access.operation, access.count) } else { access.operation.clone() };
        let pid = access.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
        let process = format!("{}{pid}", access.process.as_deref().unwrap_or("?"));
        let policies = access.policies.join(",");
        grid.row([time(access.time), what, access.path.clone(), process, place(access.container.as_ref()), policies]);
    }
    grid.write(text, width);
    more(text, accesses.len(), ACCESSES, "`-o json` has them");
}

fn more(text: &mut String, all: usize, shown: usize, hint: &str) {
    if let Some(more) = all.checked_sub(shown).filter(|more| *more > 0) {
        text.extend(["… and ", &number(more), " more: ", hint, "\n"]);
    }
}

pub(super) fn last(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| "never".to_owned(), |time| ago(time, now))
}

pub(super) fn place(container: Option<&Container>) -> String {
    container.map_or_else(|| "host".to_owned(), Container::place)
}
