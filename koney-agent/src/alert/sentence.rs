//! The one sentence that tells a person what happened.

use super::{Alert, Owner, Purpose, Trap};
use crate::event::Operation;

/// Says what was touched and where. A part that is not known is `?`, as Koney writes it.
#[must_use]
pub fn sentence(alert: &Alert) -> String {
    let node = or_unknown(alert.node_name().unwrap_or_default());
    match alert.purpose {
        Purpose::Alert => {}
        Purpose::Heartbeat => return format!("Heartbeat: koney watches on node ({node})"),
        Purpose::Test => return format!("Test of this sink by koney on node ({node}): nothing has happened"),
    }
    if let Some(gap) = alert.gap {
        return format!("Coverage gap on node ({node}): {} ({})", gap.cause.text(), gap.count);
    }
    let Trap::FilesystemHoneytoken { file_path } = &alert.trap else {
        return "Koney alert triggered".to_owned();
    };
    let path = or_unknown(file_path);
    let what = what(alert.operation);
    match &alert.owner {
        Owner::Container(container) => {
            let (namespace, pod) = (or_unknown(&container.namespace), or_unknown(&container.pod));
            format!("{what} honeytoken ({path}) in pod ({namespace}/{pod}) detected")
        }
        Owner::Host { name, .. } => {
            format!("{what} honeytoken ({path}) on host ({}) detected", or_unknown(name))
        }
    }
}

fn what(operation: Operation) -> String {
    match operation {
        Operation::Denied => "Denied access to".to_owned(),
        Operation::Held => "Open descriptor of".to_owned(),
        operation if operation.is_tampering() => format!("Tampering ({}) with", operation.name()),
        _ => "Access to".to_owned(),
    }
}

fn or_unknown(part: &str) -> &str {
    if part.is_empty() { "?" } else { part }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn names_the_pod() {
        assert_eq!(
            sentence(&samples::in_pod()),
            "Access to honeytoken (/run/secrets/koney/service_token) in pod (koney-demo/koney-demo-deployment-8f9cb7b9c-q4fxl) detected"
        );
    }

    #[test]
    fn names_the_host() {
        assert_eq!(
            sentence(&samples::on_host()),
            "Access to honeytoken (/run/secrets/koney/service_token) on host (web-1) detected"
        );
    }

    #[test]
    fn names_what_was_tampered_with() {
        let alert = Alert { operation: Operation::Unlink, ..samples::on_host() };
        assert_eq!(
            sentence(&alert),
            "Tampering (unlink) with honeytoken (/run/secrets/koney/service_token) on host (web-1) detected"
        );
    }

    #[test]
    fn names_node_reason_and_count_of_a_gap() {
        let gap = super::super::Gap { cause: super::super::GapCause::RingFull, count: 12 };
        let alert = Alert { gap: Some(gap), trap: Trap::Unknown, ..samples::on_host() };
        assert_eq!(sentence(&alert), "Coverage gap on node (web-1): records dropped because the ring was full (12)");
    }

    #[test]
    fn what_is_no_alert_says_so() {
        let alert = |purpose| sentence(&Alert { purpose, ..samples::on_host() });
        assert_eq!(alert(Purpose::Heartbeat), "Heartbeat: koney watches on node (web-1)");
        assert_eq!(alert(Purpose::Test), "Test of this sink by koney on node (web-1): nothing has happened");
    }

    #[test]
    fn marks_what_is_not_known() {
        let mut alert = samples::in_pod();
        alert.owner = Owner::Container(super::super::Container::default());
        assert_eq!(sentence(&alert), "Access to honeytoken (/run/secrets/koney/service_token) in pod (?/?) detected");
        alert.trap = Trap::Unknown;
        assert_eq!(sentence(&alert), "Koney alert triggered");
    }
}
