//! Statuses for the tests of all that is made of one.

use jiff::{SignedDuration, Timestamp};

use super::*;

/// Something of everything, and names that an intruder has chosen.
pub(crate) fn busy() -> Status {
    let now: Timestamp = "2026-11-27T04:12:33Z".parse().expect("a time");
    let ago = |seconds| now.saturating_sub(SignedDuration::from_secs(seconds)).expect("a time");
    let text = |text: &str| text.to_owned();
    let container = |pod: &str| {
        Some(Container { namespace: text("shop"), pod: text(pod), name: text("nginx"), id: "6f5ab819f146".repeat(5) })
    };
    let trap = |path: &str, state: &str, pod: Option<&str>| Trap {
        policies: vec![text("servicetoken")],
        path: text(path),
        container: pod.and_then(container),
        state: text(state),
        watched: state == "armed",
        reason: None,
        remedy: (state == "missing").then(|| text("create the file (koney does not plant decoys); it is armed when it appears")),
        accesses: 0,
        last_access: None,
    };
    let touched = |trap: Trap, seconds| Trap { accesses: 2, last_access: Some(ago(seconds)), ..trap };
    let sink = |name: &str, receiver: &str, state| Sink {
        name: text(name),
        receiver: text(receiver),
        state,
        queued: 0,
        oldest: None,
        delivered: 12,
        last_success: Some(ago(200)),
        dead_letters: 0,
        dropped: 0,
        filtered: 0,
        error: None,
        volatile: None,
    };
    Status {
        version: VERSION,
        time: now,
        agent: Agent {
            version: text("0.1.0"),
            node: text("web-1"),
            pid: 1,
            started: ago(7300),
            alive: true,
            ready: true,
            steps: ["attached", "policies", "pods", "traps"].map(|name| Step { name: text(name), done: true }).into(),
        },
        attention: Vec::new(),
        detection: detection(ago(60)),
        traps: vec![
            touched(trap("/run/secrets/koney/service_token", "armed", Some("web-8f9cb7b9c-q4fxl")), 200),
            trap("/root/.aws/credentials", "armed", None),
            trap("/srv/\u{1b}[2J<script>alert(1)</script>\u{202e}", "missing", None),
        ],
        sinks: vec![
            Sink { receiver: text(STDOUT), ..sink("stdout", STDOUT, SinkState::Delivering) },
            Sink {
                queued: 3,
                oldest: Some(ago(130)),
                error: Some(text("answer 401 Unauthorized; the token is missing, wrong or revoked: check `apiToken`")),
                ..sink("prod", "dynatrace", SinkState::Failing)
            },
        ],
        accesses: vec![Access {
            time: ago(200),
            id: "AB".repeat(16),
            operation: text("open"),
            policies: vec![text("servicetoken")],
            path: text("/run/secrets/koney/service_token"),
            container: container("web-8f9cb7b9c-q4fxl"),
            process: Some(text("</code>\u{1b}[31mcat")),
            pid: Some(9999),
            count: 1,
        }],
        resources: Vec::new(),
    }
    .judged()
}

fn detection(lost: Timestamp) -> Detection {
    let text = |text: &str| text.to_owned();
    Detection {
        kernel: text("6.12.118"),
        method: text("fentry"),
        refused: vec![Refused { method: text("lsm"), reason: text("not tried, `bpf` is not in /sys/kernel/security/lsm") }],
        hooks: vec![
            Hook {
                name: text("file_open"),
                place: text("fentry security_file_open"),
                attached: true,
                reason: None,
                serves: text("every access"),
            },
            Hook {
                name: text("copy_up"),
                place: text("fentry security_inode_copy_up"),
                attached: false,
                reason: Some(text("no such function")),
                serves: text("reading a decoy's copy"),
            },
        ],
        losses: vec![Loss {
            cause: text("ring-full"),
            text: text("records dropped because the ring was full"),
            count: 1200,
            last: lost,
            remedy: text("give the agent more CPU"),
        }],
        ..Detection::default()
    }
}
