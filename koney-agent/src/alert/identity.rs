//! The id of an alert.

use koney_common::Repeats;
use sha2::{Digest, Sha256};

use super::{AlertId, Gap, Purpose};
use crate::event::Observation;

/// Hashes what makes an access this access: boot, kernel time, thread, file, operation, policy and trap.
///
/// Nothing in it is the agent's own, so a record that is read again gives the same id, and each policy's alert one of its own.
pub(super) fn of(boot_id: &str, seen: &Observation, policy: &str, trap: &str) -> AlertId {
    let mut hash = Sha256::new();
    let numbers = [seen.boot_ns, u64::from(seen.subject.init_tid), seen.key.inode, u64::from(seen.key.device)];
    for number in numbers {
        hash.update(number.to_le_bytes());
    }
    for text in [boot_id, seen.operation.name(), policy, trap] {
        // The length keeps ("ab", "c") from being ("a", "bc").
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    let digest = hash.finalize();
    let first = digest.first_chunk().expect("SHA-256 has 32 bytes");
    AlertId::from_digest(first)
}

/// The id of the alert that sums up what followed `first`.
pub(super) fn of_repeats(first: &AlertId, counted: &Repeats) -> AlertId {
    let mut hash = Sha256::new();
    hash.update(first.as_str().as_bytes());
    hash.update(counted.last_ns.to_le_bytes());
    hash.update(counted.count.to_le_bytes());
    let digest = hash.finalize();
    AlertId::from_digest(digest.first_chunk().expect("SHA-256 has 32 bytes"))
}

/// The id of an alert about a gap.
pub(super) fn of_gap(boot_id: &str, boot_ns: u64, gap: Gap) -> AlertId {
    let mut hash = Sha256::new();
    hash.update(b"gap");
    hash.update(boot_ns.to_le_bytes());
    hash.update(gap.cause.name().as_bytes());
    hash.update(boot_id.as_bytes());
    let digest = hash.finalize();
    AlertId::from_digest(digest.first_chunk().expect("SHA-256 has 32 bytes"))
}

/// The id of what is no alert.
pub(super) fn of_message(boot_id: &str, boot_ns: u64, purpose: Purpose) -> AlertId {
    let mut hash = Sha256::new();
    hash.update(match purpose {
        Purpose::Alert => b"alert".as_slice(),
        Purpose::Heartbeat => b"heartbeat",
        Purpose::Test => b"test",
    });
    hash.update(boot_ns.to_le_bytes());
    hash.update(boot_id.as_bytes());
    let digest = hash.finalize();
    AlertId::from_digest(digest.first_chunk().expect("SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::build::tests::observation;

    #[test]
    fn every_part_counts_and_nothing_else_does() {
        let seen = observation();
        let id = of("boot", &seen, "policy", "/trap");
        assert_eq!(id, of("boot", &seen.clone(), "policy", "/trap"));
        assert_eq!(id.as_str().len(), 32);
        assert!(id.as_str().chars().all(|digit| digit.is_ascii_digit() || ('A'..='F').contains(&digit)));
        let mut later = seen.clone();
        later.boot_ns += 1;
        let mut other_thread = seen.clone();
        other_thread.subject.init_tid += 1;
        let others = [
            of("other boot", &seen, "policy", "/trap"),
            of("boot", &later, "policy", "/trap"),
            of("boot", &other_thread, "policy", "/trap"),
            of("boot", &seen, "policy2", "/trap"),
            of("boot", &seen, "policy", "/trap2"),
            of("boot", &seen, "policy/", "trap"),
        ];
        assert!(others.iter().all(|other| *other != id));
    }
}
