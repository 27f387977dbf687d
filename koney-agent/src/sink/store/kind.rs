//! What an alert is one more of.

use sha2::{Digest, Sha256};

use crate::alert::{Alert, Owner};
use crate::event::Operation;

/// A hash that alerts of one kind have in common. It stands on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub [u8; 16]);

/// Both kinds of one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Policy, trap, owner and whether it was used, tampered with, held or denied: as many as the configuration makes, whatever an
    /// intruder does.
    pub coarse: Kind,
    /// The same deed by one process, by the same name of the file: an intruder makes as many as they like.
    pub fine: Kind,
}

impl Kinds {
    /// The kinds of an alert. Gaps in coverage are of one kind for each cause.
    #[must_use]
    pub fn of(alert: &Alert) -> Self {
        let coarse = match alert.gap {
            Some(gap) => hashed("gap", &[gap.cause.name()]),
            None => coarse(alert),
        };
        let Some(process) = &alert.process else { return Self { coarse, fine: coarse } };
        // Without its start, which is converted anew from the kernel's clock each time: a process id that comes back within a minute,
        // with the same user and executable at the same trap, is told as the same process.
        let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
        let (uid, pid) = (number(process.uid), number(process.pid));
        let executable = process.executable.as_deref().unwrap_or_default();
        let name = alert.accessed_path.as_deref().unwrap_or_default();
        let parts = [&hex(&coarse.0), alert.operation.name(), executable, &uid, &pid, name];
        Self { coarse, fine: hashed("process", &parts) }
    }
}

/// Of texts, for one use.
pub(super) fn digest(domain: &str, parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        // The length keeps ("ab", "c") from being ("a", "bc").
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    *hash.finalize().first_chunk().expect("SHA-256 has 32 bytes")
}

/// The id of the row that sums up what follows an alert: never that of an alert.
pub(super) fn sum_id(first: &[u8; 16]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(b"sum");
    hash.update(first);
    *hash.finalize().first_chunk().expect("SHA-256 has 32 bytes")
}

fn coarse(alert: &Alert) -> Kind {
    let owner = match &alert.owner {
        Owner::Host { .. } => String::new(),
        Owner::Container(container) if container.id.is_empty() => {
            format!("{}/{}/{}", container.namespace, container.pod, container.name)
        }
        Owner::Container(container) => container.id.clone(),
    };
    let class = match alert.operation {
        Operation::Denied => "denied",
        Operation::Held => "held",
        operation if operation.is_tampering() => "tampering",
        _ => "access",
    };
    // Whatever a trap carries tells it from the others. Should the text of a later version differ, the kinds part once, no more.
    let trap = format!("{:?}", alert.trap);
    hashed("coarse", &[alert.policy.as_deref().unwrap_or_default(), &trap, &owner, class])
}

fn hashed(domain: &str, parts: &[&str]) -> Kind {
    Kind(digest(domain, parts))
}

pub(super) fn hex(digest: &[u8; 16]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(32), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Gap, GapCause, Process, samples};

    fn by(change: impl FnOnce(&mut Process)) -> Alert {
        let mut alert = samples::in_pod();
        alert.process.as_mut().map(change).expect("there is a process");
        alert
    }

    #[test]
    fn what_an_intruder_varies_is_fine() {
        let kinds = Kinds::of(&samples::in_pod());
        let varied = [
            by(|process| process.pid = Some(1)),
            by(|process| process.uid = Some(1)),
            by(|process| process.executable = Some("/tmp/cat".to_owned())),
            Alert { accessed_path: Some("/tmp/link".to_owned()), ..samples::in_pod() },
        ];
        for alert in varied {
            let other = Kinds::of(&alert);
            assert!(other.coarse == kinds.coarse && other.fine != kinds.fine);
        }
        let same = by(|process| {
            process.arguments = Some("other".to_owned());
            process.started = Some("2025-07-18T19:39:11Z".parse().expect("a time"));
        });
        assert_eq!(Kinds::of(&same), kinds);
    }

    #[test]
    fn what_a_policy_and_its_pods_make_is_coarse() {
        let kinds = Kinds::of(&samples::in_pod());
        let others = [
            samples::on_host(),
            Alert { policy: Some("another".to_owned()), ..samples::in_pod() },
            Alert { operation: Operation::Unlink, ..samples::in_pod() },
            Alert { operation: Operation::Denied, ..samples::in_pod() },
        ];
        assert!(others.iter().all(|other| Kinds::of(other).coarse != kinds.coarse && Kinds::of(other).fine != kinds.fine));
    }

    #[test]
    fn two_ways_to_tamper_are_two_deeds() {
        let kinds = |operation| Kinds::of(&Alert { operation, ..samples::in_pod() });
        let (unlink, chmod) = (kinds(Operation::Unlink), kinds(Operation::Chmod));
        assert!(unlink.coarse == chmod.coarse && unlink.fine != chmod.fine);
    }

    #[test]
    fn gaps_are_of_their_cause() {
        let gap = |cause, count| {
            Kinds::of(&Alert { gap: Some(Gap { cause, count }), process: None, policy: None, ..samples::on_host() })
        };
        assert_eq!(gap(GapCause::Blind, 1), gap(GapCause::Blind, 2));
        assert_ne!(gap(GapCause::Blind, 1).coarse, gap(GapCause::RingFull, 1).coarse);
    }
}
