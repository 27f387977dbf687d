//! What is true of whatever `/proc` says of a process. The property tests ask it of what they make, `fuzz/` of what it finds.

use super::{ContainerRef, text};
use crate::event::arguments;

/// The text of `/proc/PID/cgroup`, and a record's names. Panics where a property does not hold.
pub fn cgroup(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    told(ContainerRef::from_proc_cgroup(&text).as_ref(), &text);
    let mut lines = text.split('\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    told(ContainerRef::from_names(first, second).as_ref(), &text);
    told(ContainerRef::from_names(first, None).as_ref(), first);
    nothing_below_matters(first, second.unwrap_or_default());
}

/// What can be created below a pod's container changes nothing.
fn nothing_below_matters(path: &str, below: &str) {
    let own = ContainerRef::from_proc_cgroup(&format!("0::/{path}\n"));
    if own.as_ref().is_some_and(|own| own.pod_uid.is_some()) && !path.ends_with(" (deleted)") && path.len() + below.len() < 4096 {
        assert_eq!(ContainerRef::from_proc_cgroup(&format!("0::/{path}/{below}\n")), own, "{path}/{below}");
    }
}

/// An answer is bounded, and stands in what was asked about.
fn told(found: Option<&ContainerRef>, text: &str) {
    let Some(ContainerRef { id, runtime: _, pod_uid }) = found else { return };
    assert!(id.len() == 64 && id.bytes().all(is_digit) && text.contains(id), "{id}");
    if let Some(uid) = pod_uid {
        assert!(uid.len() == 32 || uid.len() == 36, "{uid}");
        assert!(uid.bytes().all(|byte| is_digit(byte) || byte == b'-'), "{uid}");
        assert!(text.contains(uid) || text.contains(&uid.replace('-', "_")), "{uid}");
    }
}

const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// The files of `/proc/PID` that are read when a record has gaps. Panics where a property does not hold.
pub fn files(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(stat) = text::stat(bytes) {
        assert!(text.contains(&format!("({})", stat.comm)));
        assert!(text.contains(&stat.start_ticks.to_string()));
    }
    let status = text::status(bytes);
    assert!(status.euid.is_none() || text.contains("Uid:"));
    assert!(status.capabilities.is_none() || text.contains("CapEff:"));
    if let Some(path) = text::cgroup(bytes) {
        assert!(text.contains(&path) && !path.contains('\n'));
    }
    let words = arguments(bytes);
    assert!(!words.is_empty() && words.len() <= bytes.len().max(1));
    assert!(words.iter().map(String::len).sum::<usize>() <= 3 * bytes.len());
}
