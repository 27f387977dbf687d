//! What is true of decoding any bytes. The property tests ask it of what they make, `fuzz/` of what it finds.

use std::mem::offset_of;

use koney_common::{
    Record,
    record::{ARGUMENTS_LEN, CHECK_IDENTITY, COMM_LEN, NAME_LEN, PATH_AREA, RECORD_LEN, VERSION, operation},
};

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

/// The same for the bytes as a record of today's layout: a corpus outlives many versions, and chance finds none of them.
pub fn hold_behind_a_head(bytes: &[u8]) {
    let mut record = bytes.to_vec();
    record.resize(RECORD_LEN, 0);
    put(&mut record, offset_of!(Record, version), &VERSION.to_ne_bytes());
    if matches!(decode(&record), Err(DecodeError::Unknown(..))) {
        put(&mut record, offset_of!(Record, operation), &[operation::OPEN]);
        put(&mut record, offset_of!(Record, check), &[CHECK_IDENTITY]);
    }
    hold(&record);
}

fn put(record: &mut [u8], offset: usize, bytes: &[u8]) {
    record.iter_mut().skip(offset).zip(bytes).for_each(|(old, new)| *old = *new);
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
