//! Alerts that tests of several rooms render.

use std::sync::Arc;

use super::{Alert, AlertId, Container, Gap, GapCause, HttpRequest, Labels, Owner, Process, Purpose, Severity, Trap};
use crate::event::{Check, Operation};
use crate::sink::{Letter, Render};

/// The access that the specification of the Dynatrace event shows.
pub(crate) fn in_pod() -> Alert {
    Alert {
        id: AlertId::from_digest(&[
            0xC8, 0x5D, 0xB1, 0x74, 0xF2, 0x8C, 0x4F, 0xDD, 0x08, 0x92, 0xC4, 0xB8, 0xF2, 0x80, 0xA8, 0x6B,
        ]),
        time: "2025-07-18T19:39:11.987654321Z".parse().expect("a valid time"),
        policy: Some("deceptionpolicy-servicetoken".to_owned()),
        trap: Trap::FilesystemHoneytoken { file_path: "/run/secrets/koney/service_token".to_owned() },
        operation: Operation::Open,
        check: Check::Identity,
        node: Some("minikube".to_owned()),
        owner: Owner::Container(Container {
            namespace: "koney-demo".to_owned(),
            pod: "koney-demo-deployment-8f9cb7b9c-q4fxl".to_owned(),
            name: "nginx".to_owned(),
            id: "6f5ab819f146ffd24745bac5d3dc2c3d4071c504366fb85b416a7a500de144d9".to_owned(),
            ..Container::default()
        }),
        process: Some(Process {
            pid: Some(9999),
            uid: Some(0),
            executable: Some("/usr/bin/cat".to_owned()),
            arguments: Some("/run/secrets/koney/service_token".to_owned()),
            cwd: Some("/".to_owned()),
            ..Process::default()
        }),
        accessor: None,
        accessed_path: None,
        repeats: None,
        gap: None,
        detector: "lsm",
        labels: Arc::default(),
        cluster: None,
        cluster_uid: None,
        purpose: Purpose::Alert,
    }
}

/// The same access on a machine without containers.
pub(crate) fn on_host() -> Alert {
    Alert {
        node: Some("web-1".to_owned()),
        owner: Owner::Host { name: "web-1".to_owned(), machine_id: Some("0123456789abcdef0123456789abcdef".to_owned()) },
        ..in_pod()
    }
}

/// A request to a decoy address.
pub(crate) fn http_endpoint() -> Alert {
    let text = |text: &str| Some(text.to_owned());
    let request = HttpRequest {
        method: text("GET"),
        host: text("shop.example"),
        path: text("/admin/backup.sql"),
        client: text("10.0.0.9"),
    };
    Alert { trap: Trap::HttpEndpoint(request), process: None, ..in_pod() }
}

/// A request that uses a decoy of an answer, with all that a policy can say.
pub(crate) fn http_payload() -> Alert {
    let request = HttpRequest { path: Some("/login".to_owned()), ..HttpRequest::default() };
    Alert { trap: Trap::HttpPayload(request), process: None, ..labelled() }
}

/// The access of [`in_pod`] under a policy that says all that it can.
pub(crate) fn labelled() -> Alert {
    let labels = Labels {
        severity: Some(Severity::Critical),
        tags: vec!["team-a".to_owned(), "pci".to_owned()],
        techniques: vec!["T1552".to_owned(), "T1552.001".to_owned()],
    };
    let cluster_uid = Some("5c1e8f2a-0b7d-4e39-9a64-d3f1b2c4a5e6".to_owned());
    Alert { labels: Arc::new(labels), cluster: Some("prod-eu".to_owned()), cluster_uid, ..in_pod() }
}

/// A gap in coverage, which names no trap.
pub(crate) fn coverage() -> Alert {
    let gap = Gap { cause: GapCause::RingFull, count: 12 };
    Alert { policy: None, trap: Trap::Unknown, process: None, gap: Some(gap), ..on_host() }
}

/// What others can write, in every place that they can write to.
pub(crate) fn hostile() -> Alert {
    let mut alert = in_pod();
    if let Some(process) = &mut alert.process {
        for field in [&mut process.executable, &mut process.arguments, &mut process.cwd, &mut process.comm] {
            *field = Some(HOSTILE.to_owned());
        }
    }
    alert.accessed_path = Some(HOSTILE.to_owned());
    alert
}

/// Markup, quotes, control characters, separators of every format, and what reverses the direction of writing.
pub(crate) const HOSTILE: &str = "</x>&\"'`|=\\\n\r\t\u{0}\u{1b}[2J\u{202e}\u{2028}<!channel> <http://evil|ok> *b* :smile: ] [a=\"b\"] \u{fffd}\u{1f600}{policy}";

/// An alert that differs from every other number's in its id and its process.
pub(crate) fn numbered(number: u8) -> Alert {
    let mut alert = Alert { id: AlertId::from_digest(&[number; 16]), ..in_pod() };
    if let Some(process) = &mut alert.process {
        process.pid = Some(number.into());
    }
    alert
}

/// The arguments of the process of [`in_pod`] replaced.
pub(crate) fn with_arguments(arguments: &str) -> Alert {
    let mut alert = in_pod();
    if let Some(process) = &mut alert.process {
        process.arguments = Some(arguments.to_owned());
    }
    alert
}

/// The alert as a sink keeps it.
pub(crate) fn letter(render: &dyn Render, alert: &Alert) -> Letter {
    Letter { id: alert.id.clone(), time: alert.time, body: render.render(alert) }
}
