//! What is true of decoding any bytes. The property tests ask it of what they make, `fuzz/` of what it finds.

use koney_common::record::{ARGUMENTS_LEN, COMM_LEN, NAME_LEN, PATH_AREA, RECORD_LEN};

use super::{DecodeError, Observation, Parent, Subject, decode};

/// The longest that a byte becomes: what is no UTF-8 is replaced by a character of three bytes.
const REPLACED: usize = 3;

/// Panics where a property does not hold.
pub fn hold(bytes: &[u8]) {
    match decode(bytes) {
        Ok(seen) => {
            assert_eq!(bytes.len(), RECORD_LEN);
            observation(&seen);
        }
        Err(error) => {
            assert_eq!(error == DecodeError::Length(bytes.len()), bytes.len() != RECORD_LEN);
            assert!(error.to_string().len() < 100, "an error quotes none of the input's text");
        }
    }
}

fn observation(seen: &Observation) {
    path(seen.path.as_ref());
    subject(&seen.subject);
}

fn subject(subject: &Subject) {
    path(subject.executable.as_ref());
    path(subject.cwd.as_ref());
    name(subject.comm.as_ref(), COMM_LEN);
    name(subject.cgroup_name.as_ref(), NAME_LEN);
    name(subject.cgroup_parent_name.as_ref(), NAME_LEN);
    let Parent { pid: _, start_ns: _, comm } = &subject.parent;
    name(comm.as_ref(), COMM_LEN);
    if let Some(arguments) = &subject.arguments {
        assert!(!arguments.is_empty() && arguments.len() <= ARGUMENTS_LEN);
        assert!(arguments.iter().map(String::len).sum::<usize>() <= REPLACED * ARGUMENTS_LEN);
        assert!(arguments.iter().all(|argument| !argument.contains('\0')));
    }
    assert_ne!(subject.login_uid, Some(u32::MAX));
}

/// Absolute, or marked as lacking its beginning.
fn path(path: Option<&String>) {
    let Some(path) = path else { return };
    assert!(path.starts_with('/') || path.starts_with("..."), "{path:?}");
    assert!(path.len() <= "...".len() + 1 + REPLACED * PATH_AREA);
    assert!(!path.contains('\0'));
}

fn name(name: Option<&String>, area: usize) {
    let Some(name) = name else { return };
    assert!(name.len() <= REPLACED * area && !name.contains('\0'));
}
