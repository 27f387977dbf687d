//! The page's tables. Each cell names its column, for screens on which a row is a card.

use maud::{Markup, html};

use super::{
    SinkState, Status,
    page::{badge, moment, state_badge, text},
    table::place,
    words::{ago, number, time},
};

/// Rows of one table; the rest is counted.
const ROWS: usize = 200;

pub(super) fn traps(status: &Status) -> Markup {
    let traps = status.traps_worst_first();
    let counts: Vec<_> =
        status.traps_by_state().iter().map(|(state, count)| format!("{} {state}", number(*count as u64))).collect();
    html! {
        section {
            h2 { "Traps" small { (counts.join(", ")) } }
            @if traps.is_empty() {
                p .soft { "No policy selects anything on this node." }
            } @else {
                table {
                    thead { tr { th { "State" } th { "Path" } th { "In" } th { "Policy" } th { "Last access" } } }
                    tbody {
                        @for trap in traps.iter().take(ROWS) {
                            tr {
                                td .tight data-label="State" { (state_badge(&trap.state)) }
                                td data-label="Path" { code { (text(&trap.path)) } }
                                td data-label="In" { span { (text(&place(trap.container.as_ref()))) } }
                                td data-label="Policy" { span { (text(&trap.policies.join(", "))) } }
                                td .tight data-label="Last access" {
                                    @if let Some(last) = trap.last_access { (moment(last, &ago(last, status.time))) } @else { span .soft { "never" } }
                                }
                            }
                        }
                    }
                }
                (more(traps.len()))
            }
        }
    }
}

pub(super) fn accesses(status: &Status) -> Markup {
    html! {
        section {
            h2 { "Last accesses" small { "since the agent's start" } }
            @if status.accesses.is_empty() {
                p .soft { "Nobody has touched a decoy." }
            } @else {
                table {
                    thead { tr { th { "Time (UTC)" } th { "What" } th { "Path" } th { "Process" } th { "In" } th { "Policy" } } }
                    tbody {
                        @for access in &status.accesses {
                            tr {
                                td .tight data-label="Time (UTC)" { (moment(access.time, &time(access.time))) }
                                td .tight data-label="What" {
                                    span { (text(&access.operation)) @if access.count > 1 { " ×" (number(access.count)) } }
                                }
                                td data-label="Path" { code { (text(&access.path)) } }
                                td data-label="Process" {
                                    span {
                                        @if let Some(process) = &access.process { code { (text(process)) } } @else { span .soft { "ended" } }
                                        @if let Some(pid) = access.pid { " " span .soft { (pid) } }
                                    }
                                }
                                td data-label="In" { span { (text(&place(access.container.as_ref()))) } }
                                td data-label="Policy" { span { (text(&access.policies.join(", "))) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn sinks(status: &Status, whole: bool) -> Markup {
    html! {
        section {
            h2 { "Sinks" }
            table {
                thead {
                    tr {
                        th { "State" } th { "Name" } th { "Receiver" }
                        th .count { "Waiting" } th .count { "Delivered" } th .count { "Dead letters" }
                        th { "Oldest that waits" } th { "Last success" }
                    }
                }
                tbody {
                    @for sink in status.sinks_worst_first() {
                        tr {
                            td .tight data-label="State" { (sink_badge(sink.state)) }
                            td data-label="Name" { span { (text(&sink.name)) } }
                            td data-label="Receiver" { span { (text(&sink.receiver)) } }
                            td .count data-label="Waiting" { span { (number(sink.queued as u64)) } }
                            td .count data-label="Delivered" { span { (number(sink.delivered)) } }
                            td .count data-label="Dead letters" { span { (number(sink.dead_letters as u64)) } }
                            td .tight data-label="Oldest" {
                                @if let Some(oldest) = sink.oldest { (moment(oldest, &ago(oldest, status.time))) } @else { span .soft { "none" } }
                            }
                            td .tight data-label="Last success" {
                                @if let Some(last) = sink.last_success { (moment(last, &ago(last, status.time))) } @else { span .soft { "never" } }
                            }
                        }
                    }
                }
            }
            @if !whole && status.sinks.iter().any(|sink| sink.state.is_wrong()) {
                p .soft .more { "Why is told under the address that " code { "koney-agent page" } " prints." }
            }
        }
    }
}

fn sink_badge(state: SinkState) -> Markup {
    badge(
        match state {
            SinkState::Delivering => "good",
            SinkState::Idle => "calm",
            SinkState::Failing | SinkState::NotConfigured => "bad",
        },
        state.name(),
    )
}

fn more(all: usize) -> Markup {
    html! {
        @if let Some(more) = all.checked_sub(ROWS).filter(|more| *more > 0) {
            p .soft .more { "… and " (number(more as u64)) " more: " code { "koney-agent status -o json" } " has all." }
        }
    }
}
