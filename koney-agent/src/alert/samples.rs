//! Alerts that tests of several rooms render.

use super::{Alert, AlertId, Container, Owner, Process, Trap};
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

/// An alert that differs from every other number's in its id.
pub(crate) fn numbered(number: u8) -> Alert {
    Alert { id: AlertId::from_digest(&[number; 16]), ..in_pod() }
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
