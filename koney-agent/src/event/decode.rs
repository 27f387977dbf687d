//! The decoder. Reads integers at the offsets of the shared layout; casts nothing, trusts no length.

use std::mem::offset_of;

use koney_common::{
    Record, TrapKey,
    record::{
        ARGUMENTS_LEN, CHECK_IDENTITY, CHECK_NAME, COMM_LEN, NAME_LEN, ORIGIN_RUNTIME_EXEC, ORIGIN_WORKLOAD, PATH_AREA,
        RECORD_LEN, VERSION, valid,
    },
};
use thiserror::Error;

use super::{
    observation::{Check, Observation, Operation, Origin, Parent, PathKind, Subject},
    text,
};

/// The bytes are no record of this layout: a bug or a foreign writer. Counted, never fatal.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Not the length of a record.
    #[error("record of {0} bytes, expected {RECORD_LEN}; this is a bug, please report it")]
    Length(usize),
    /// Another layout.
    #[error("record of layout version {0}, expected {VERSION}; this is a bug, please report it")]
    Version(u16),
    /// A value that no program writes.
    #[error("unknown {0} {1} in a record; this is a bug, please report it")]
    Unknown(&'static str, u8),
}

/// "Never logged in" (`include/linux/uidgid.h`, `INVALID_UID`).
const NO_LOGIN: u32 = u32::MAX;

macro_rules! at {
    ($field:ident) => {
        offset_of!(Record, $field)
    };
}

/// Decodes one record.
pub fn decode(bytes: &[u8]) -> Result<Observation, DecodeError> {
    if bytes.len() != RECORD_LEN {
        return Err(DecodeError::Length(bytes.len()));
    }
    let mut raw = Raw { bytes, valid: 0 };
    raw.valid = raw.u64(at!(valid));
    let version = raw.u16(at!(version));
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let code = raw.u8(at!(operation));
    let operation = Operation::of_code(code).ok_or(DecodeError::Unknown("operation", code))?;
    let check = match raw.u8(at!(check)) {
        CHECK_IDENTITY => Check::Identity,
        CHECK_NAME => Check::Name,
        other => return Err(DecodeError::Unknown("check", other)),
    };
    Ok(Observation {
        boot_ns: raw.u64(at!(time_ns)),
        operation,
        check,
        trap: raw.u32(at!(trap)),
        key: TrapKey::new(raw.u32(at!(device)), raw.u64(at!(inode))),
        generation: raw.when(valid::GENERATION, raw.u32(at!(generation))),
        nested: raw.has(valid::NESTED),
        open_flags: raw.when(valid::OPEN_FLAGS, raw.u32(at!(open_flags))),
        path: raw.path(valid::PATH, valid::PATH_TRUNCATED, at!(path), at!(path_len)),
        path_kind: path_kind(&raw),
        root: raw.when(valid::ROOT, TrapKey::new(raw.u32(at!(root_device)), raw.u64(at!(root_inode)))),
        subject: subject(&raw),
    })
}

fn path_kind(raw: &Raw<'_>) -> PathKind {
    if raw.has(valid::PATH_TRUNCATED) {
        PathKind::Truncated
    } else if raw.has(valid::PATH_OUTSIDE_ROOT) {
        PathKind::Outside
    } else if raw.has(valid::PATH_IN_FILE_SYSTEM) {
        PathKind::InFileSystem
    } else {
        PathKind::Whole
    }
}

fn subject(raw: &Raw<'_>) -> Subject {
    let login_uid = raw.when(valid::LOGIN_UID, raw.u32(at!(login_uid)));
    let origin = raw.when(valid::ORIGIN, raw.u32(at!(origin))).and_then(|origin| match origin {
        ORIGIN_WORKLOAD => Some(Origin::Workload),
        ORIGIN_RUNTIME_EXEC => Some(Origin::RuntimeExec),
        _ => None,
    });
    let arguments = raw.area(at!(arguments), at!(arguments_len), ARGUMENTS_LEN);
    Subject {
        pid: raw.when(valid::PIDS, raw.u32(at!(pid))),
        tid: raw.when(valid::PIDS, raw.u32(at!(tid))),
        init_pid: raw.u32(at!(init_pid)),
        init_tid: raw.u32(at!(init_tid)),
        start_ns: raw.when(valid::START_TIME, raw.u64(at!(start_time_ns))),
        parent: parent(raw),
        uid: raw.when(valid::IDS, raw.u32(at!(uid))),
        gid: raw.when(valid::IDS, raw.u32(at!(gid))),
        euid: raw.when(valid::IDS, raw.u32(at!(euid))),
        login_uid: login_uid.filter(|uid| *uid != NO_LOGIN),
        capabilities: raw.when(valid::CAPABILITIES, raw.u64(at!(capabilities))),
        comm: raw.comm(valid::COMM, at!(comm)),
        executable: raw.path(valid::EXECUTABLE, valid::EXECUTABLE_TRUNCATED, at!(executable), at!(executable_len)),
        arguments: raw.when(valid::ARGUMENTS, arguments).map(text::arguments),
        arguments_truncated: raw.has(valid::ARGUMENTS_TRUNCATED),
        cwd: raw.path(valid::CWD, valid::CWD_TRUNCATED, at!(cwd), at!(cwd_len)),
        mount_ns: raw.when(valid::MOUNT_NS, raw.u32(at!(mount_ns))),
        pid_ns: raw.when(valid::PID_NS, raw.u32(at!(pid_ns))),
        user_ns: raw.when(valid::USER_NS, raw.u32(at!(user_ns))),
        cgroup_id: raw.when(valid::CGROUP_ID, raw.u64(at!(cgroup_id))),
        cgroup_name: raw.name(valid::CGROUP_NAME, at!(cgroup_name), at!(cgroup_name_len)),
        cgroup_parent_name: raw.name(valid::CGROUP_PARENT_NAME, at!(cgroup_parent_name), at!(cgroup_parent_name_len)),
        origin,
        kernel_thread: raw.has(valid::KERNEL_THREAD),
    }
}

fn parent(raw: &Raw<'_>) -> Parent {
    Parent {
        pid: raw.when(valid::PARENT, raw.u32(at!(parent_pid))),
        start_ns: raw.when(valid::PARENT_START_TIME, raw.u64(at!(parent_start_time_ns))),
        comm: raw.comm(valid::PARENT_COMM, at!(parent_comm)),
    }
}

/// Bytes of a record whose length was checked; still, nothing here can read beyond them.
struct Raw<'a> {
    bytes: &'a [u8],
    valid: u64,
}

impl<'a> Raw<'a> {
    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        self.bytes.get(offset..).and_then(|tail| tail.first_chunk()).copied().unwrap_or([0; N])
    }

    fn u8(&self, offset: usize) -> u8 {
        u8::from_ne_bytes(self.array(offset))
    }

    fn u16(&self, offset: usize) -> u16 {
        u16::from_ne_bytes(self.array(offset))
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(self.array(offset))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.array(offset))
    }

    fn has(&self, bit: u64) -> bool {
        self.valid & bit != 0
    }

    fn when<T>(&self, bit: u64, value: T) -> Option<T> {
        self.has(bit).then_some(value)
    }

    /// The used part of an area, whatever the length field claims.
    fn area(&self, offset: usize, length: usize, capacity: usize) -> &'a [u8] {
        let used = usize::from(self.u16(length)).min(capacity);
        self.bytes.get(offset..offset + used).unwrap_or_default()
    }

    fn path(&self, bit: u64, truncated: u64, offset: usize, length: usize) -> Option<String> {
        self.when(bit, self.area(offset, length, PATH_AREA)).map(|components| text::path(components, self.has(truncated)))
    }

    fn name(&self, bit: u64, offset: usize, length: usize) -> Option<String> {
        self.when(bit, self.area(offset, length, NAME_LEN)).map(text::name)
    }

    fn comm(&self, bit: u64, offset: usize) -> Option<String> {
        self.when(bit, self.array::<COMM_LEN>(offset)).map(|bytes| text::name(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(record: &mut [u8], offset: usize, bytes: &[u8]) {
        record[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn record(bits: u64) -> Vec<u8> {
        let mut record = vec![0; RECORD_LEN];
        put(&mut record, at!(version), &VERSION.to_ne_bytes());
        put(&mut record, at!(operation), &[koney_common::record::operation::OPEN]);
        put(&mut record, at!(check), &[CHECK_IDENTITY]);
        put(&mut record, at!(valid), &bits.to_ne_bytes());
        record
    }

    #[test]
    fn absent_is_not_zero() {
        let bare = decode(&record(0)).expect("a record with nothing valid is a record");
        assert_eq!(bare.subject.uid, None);
        assert_eq!(bare.subject.arguments, None);
        assert_eq!(bare.path, None);
        let root = decode(&record(valid::IDS | valid::LOGIN_UID)).expect("decodes");
        assert_eq!(root.subject.uid, Some(0));
        assert_eq!(root.subject.login_uid, Some(0), "0 is root's login");
    }

    #[test]
    fn a_full_record_comes_out_whole() {
        let mut bytes =
            record(valid::PATH | valid::ARGUMENTS | valid::COMM | valid::CGROUP_NAME | valid::ORIGIN | valid::LOGIN_UID);
        put(&mut bytes, at!(path), b"token\0run\0");
        put(&mut bytes, at!(path_len), &10_u16.to_ne_bytes());
        put(&mut bytes, at!(arguments), b"cat\0-n\0");
        put(&mut bytes, at!(arguments_len), &7_u16.to_ne_bytes());
        put(&mut bytes, at!(comm), b"cat");
        put(&mut bytes, at!(cgroup_name), b"cri-containerd-747c.scope\0");
        put(&mut bytes, at!(cgroup_name_len), &26_u16.to_ne_bytes());
        put(&mut bytes, at!(origin), &ORIGIN_RUNTIME_EXEC.to_ne_bytes());
        put(&mut bytes, at!(login_uid), &u32::MAX.to_ne_bytes());
        let seen = decode(&bytes).expect("decodes");
        assert_eq!(seen.path.as_deref(), Some("/run/token"));
        assert_eq!(seen.subject.arguments, Some(vec!["cat".to_owned(), "-n".to_owned()]));
        assert_eq!(seen.subject.comm.as_deref(), Some("cat"));
        assert_eq!(seen.subject.cgroup_name.as_deref(), Some("cri-containerd-747c.scope"));
        assert_eq!(seen.subject.origin, Some(Origin::RuntimeExec));
        assert_eq!(seen.subject.login_uid, None, "4294967295 means that nobody logged in");
    }

    #[test]
    fn lengths_that_lie_are_clamped() {
        let mut bytes = record(valid::PATH | valid::ARGUMENTS | valid::CGROUP_NAME | valid::CGROUP_PARENT_NAME);
        for length in [at!(path_len), at!(arguments_len), at!(cgroup_name_len), at!(cgroup_parent_name_len)] {
            put(&mut bytes, length, &u16::MAX.to_ne_bytes());
        }
        let seen = decode(&bytes).expect("decodes");
        assert_eq!(seen.subject.cgroup_name.as_deref(), Some(""));
        assert!(seen.path.is_some_and(|path| path.len() <= 3 * PATH_AREA));
    }

    #[test]
    fn foreign_bytes_are_refused_by_name() {
        assert_eq!(decode(&[]), Err(DecodeError::Length(0)));
        let mut bytes = record(0);
        put(&mut bytes, at!(version), &9_u16.to_ne_bytes());
        assert_eq!(decode(&bytes), Err(DecodeError::Version(9)));
        let mut bytes = record(0);
        put(&mut bytes, at!(operation), &[77]);
        assert_eq!(decode(&bytes), Err(DecodeError::Unknown("operation", 77)));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        // A linear congruential generator: every byte position takes many values, the run is the same every time.
        let mut state = 7_u64;
        for _ in 0..200 {
            let mut bytes = record(u64::MAX);
            for byte in bytes.iter_mut().skip(16) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = state.to_le_bytes()[7];
            }
            let _total = decode(&bytes);
        }
    }
}
