//! A status as one page of HTML that needs nothing else. All of it is there without its script, which only fetches it anew.
//!
//! Every text is escaped by the templates, and before that what would move or turn the text around it.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::{
    Status,
    page_tables::{accesses, sinks, traps},
    words::{ago, machine, number, shown, time},
};
use crate::admin::status::{Attention, Level};

/// Characters of a text of others; what a table shortens more is whole in `koney-agent status -o json`.
const LONGEST: usize = 600;
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing runs, looks or connects but what the page itself brings, and nobody frames it.
static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// What the page may do.
pub(in crate::admin) fn content_security_policy() -> &'static str {
    &CONTENT_SECURITY_POLICY
}

/// The page. `whole`: whoever asks may know the decoys; else the status is one without secrets.
pub(in crate::admin) fn page(status: &Status, whole: bool) -> String {
    let node = text(&status.agent.node);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { "koney on " (node) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header #head { (head(status, whole)) }
                p #live .soft { "Reload the page for newer facts." }
                main #facts { (facts(status, whole)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn head(status: &Status, whole: bool) -> Markup {
    let problems = status.attention.iter().filter(|attention| attention.level == Level::Problem).count();
    html! {
        h1 { "koney on " (text(&status.agent.node)) }
        @if !status.agent.ready {
            (badge("bad", "not ready"))
        } @else if !whole {
            (badge("calm", "ready"))
        } @else if problems == 0 {
            (badge("good", "all well"))
        } @else {
            (badge("bad", &if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }))
        }
        span .soft {
            "as of " (moment(status.time, &format!("{} UTC", time(status.time)))) " · koney-agent " (text(&status.agent.version))
            ", started " (moment(status.agent.started, &ago(status.agent.started, status.time)))
        }
    }
}

fn facts(status: &Status, whole: bool) -> Markup {
    html! {
        (tiles(status, whole))
        @if whole {
            (attention(&status.attention))
            (accesses(status))
            (traps(status))
        } @else {
            section {
                h2 { "More than numbers" }
                p {
                    "Which files are decoys, who touched them and what is wrong is for whoever is root on the node: "
                    code { "koney-agent page" } " prints the address under which this page says all of it."
                }
            }
            (states(status))
        }
        (sinks(status, whole))
        (detection(status, whole))
    }
}

fn tiles(status: &Status, whole: bool) -> Markup {
    let watched = status.traps.iter().filter(|trap| trap.watched).count();
    let sinks = status.sinks.iter().filter(|sink| sink.has_resource());
    let fine = sinks.clone().filter(|sink| !sink.state.is_wrong()).count();
    let waiting: usize = status.sinks.iter().map(|sink| sink.queued).sum();
    let last = status.accesses.first();
    html! {
        div .tiles {
            div .tile { span .soft { "Traps watched" } b { (number(watched as u64)) " of " (number(status.traps.len() as u64)) } }
            div .tile { span .soft { "Sinks without trouble" } b { (number(fine as u64)) " of " (number(sinks.count() as u64)) } }
            div .tile { span .soft { "Alerts that wait" } b { (number(waiting as u64)) } }
            @if whole {
                div .tile {
                    span .soft { "Last access" }
                    b { @if let Some(last) = last { (moment(last.time, &ago(last.time, status.time))) } @else { "none" } }
                }
            } @else {
                div .tile { span .soft { "Watched by" } b { (text(&status.detection.method)) } }
            }
        }
    }
}

fn attention(all: &[Attention]) -> Markup {
    html! {
        section {
            h2 { "Needs attention" }
            @if all.is_empty() {
                p .soft { "Nothing: accesses are seen, and alerts arrive." }
            } @else {
                ul .attention {
                    @for attention in all {
                        li {
                            div {
                                @if attention.level == Level::Problem { (badge("bad", "problem")) } @else { (badge("calm", "remark")) }
                            }
                            div {
                                p { b { (text(&attention.about)) } ": " (prose(&attention.what)) }
                                @if let Some(remedy) = &attention.remedy { p .remedy { "Remedy: " (prose(remedy)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn states(status: &Status) -> Markup {
    html! {
        section {
            h2 { "Traps" }
            @if status.traps.is_empty() {
                p .soft { "No policy selects anything on this node." }
            } @else {
                ul {
                    @for (state, count) in status.traps_by_state() {
                        li { (state_badge(state)) " " (number(count as u64)) }
                    }
                }
            }
        }
    }
}

fn detection(status: &Status, whole: bool) -> Markup {
    let detection = &status.detection;
    let (attached, missing): (Vec<_>, Vec<_>) = detection.hooks.iter().partition(|hook| hook.attached);
    html! {
        section {
            h2 { "Detection" }
            dl {
                dt { "Method" }
                dd { (text(&detection.method)) " on Linux " (text(&detection.kernel)) }
                @if let Some(reason) = detection.degraded.as_ref().filter(|_| !whole) { dt { "Degraded" } dd { (text(reason)) } }
                @for refused in &detection.refused {
                    dt { "Refused" }
                    dd { @if !refused.method.is_empty() { b { (text(&refused.method)) } ": " } (prose(&refused.reason)) }
                }
                @if !attached.is_empty() {
                    dt { "Hooks" }
                    dd .mono { @for (index, hook) in attached.iter().enumerate() { @if index > 0 { ", " } (text(&hook.name)) } }
                }
                @for hook in missing { dt { "Not attached" } dd { code { (text(&hook.name)) } ", for " (text(&hook.serves)) } }
                dt { "Lost" }
                dd {
                    @if detection.losses.is_empty() { "nothing since the start" }
                    @for loss in &detection.losses {
                        p { (number(loss.count)) " " (text(&loss.text)) ", last " (moment(loss.last, &ago(loss.last, status.time))) }
                    }
                }
                dt { "Readiness" }
                dd {
                    @for (index, step) in status.agent.steps.iter().enumerate() {
                        @if index > 0 { ", " }
                        @if step.done { (text(&step.name)) } @else { b { (text(&step.name)) " not yet" } }
                    }
                }
            }
        }
    }
}

/// A word in a colour that a sign repeats.
pub(super) fn badge(kind: &'static str, word: &str) -> Markup {
    let sign = match kind {
        "good" => "✓",
        "warn" => "▲",
        "bad" => "✕",
        _ => "·",
    };
    html! { span .badge .(kind) data-sign=(sign) { (text(word)) } }
}

pub(super) fn state_badge(state: &str) -> Markup {
    badge(
        match state {
            "armed" => "good",
            "pending" => "calm",
            "missing" | "replaced" | "unreachable" => "warn",
            _ => "bad",
        },
        state,
    )
}

/// What people read, with what programs read beside it.
pub(super) fn moment(at: Timestamp, words: &str) -> Markup {
    html! { time datetime=(machine(at)) title=(machine(at)) { (words) } }
}

/// What stands between backquotes is typed or looked up as it is.
fn prose(words: &str) -> Markup {
    let words = text(words);
    html! {
        @for (index, part) in words.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

pub(super) fn text(text: &str) -> String {
    shown(text, LONGEST)
}
