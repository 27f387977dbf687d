//! Records as the programs write them, as no program does, and no records at all.

use std::mem::offset_of;

use koney_common::{
    Record,
    record::{
        ARGUMENTS_LEN, CHECK_IDENTITY, COMM_LEN, NAME_LEN, ORIGIN_RUNTIME_EXEC, PATH_LEN, RECORD_LEN, VERSION, operation, valid,
    },
};
use proptest::{collection::vec, prelude::*};

use super::{
    Origin, decode,
    properties::{hold, hold_behind_a_head},
};
use crate::properties::cases;

macro_rules! at {
    ($field:ident) => {
        offset_of!(Record, $field)
    };
}

/// Bytes that overwrite those at an offset, as far as the record reaches.
type Patch = (usize, Vec<u8>);

fn put(record: &mut [u8], offset: usize, bytes: &[u8]) {
    let room = record.get_mut(offset..).unwrap_or_default();
    room.iter_mut().zip(bytes).for_each(|(old, new)| *old = *new);
}

/// A record that is one as far as its first fields tell.
fn record(bits: u64) -> Vec<u8> {
    let mut record = vec![0; RECORD_LEN];
    put(&mut record, at!(version), &VERSION.to_ne_bytes());
    put(&mut record, at!(operation), &[operation::OPEN]);
    put(&mut record, at!(check), &[CHECK_IDENTITY]);
    put(&mut record, at!(valid), &bits.to_ne_bytes());
    record
}

fn patches() -> impl Strategy<Value = Vec<Patch>> {
    vec((0..RECORD_LEN, vec(any::<u8>(), 1..64)), 0..24)
}

/// A path's components, first to last, that fit a record's area.
fn components() -> impl Strategy<Value = Vec<String>> {
    vec("[^/\0]{1,40}", 0..8).prop_filter("fits", |parts| parts.iter().map(|part| part.len() + 1).sum::<usize>() <= PATH_LEN)
}

/// Text without NUL of fewer bytes than `area`.
fn text(area: usize) -> impl Strategy<Value = String> {
    "[^\0]{0,60}".prop_filter("fits", move |text| text.len() < area)
}

fn put_path(record: &mut [u8], offset: usize, length: usize, components: &[String]) {
    let area: Vec<u8> = components.iter().rev().flat_map(|part| part.bytes().chain([0])).collect();
    put(record, offset, &area);
    put_length(record, length, area.len());
}

fn put_name(record: &mut [u8], offset: usize, length: usize, name: &str) {
    put(record, offset, name.as_bytes());
    put_length(record, length, name.len() + 1);
}

fn put_length(record: &mut [u8], offset: usize, length: usize) {
    put(record, offset, &u16::try_from(length).expect("an area is smaller").to_ne_bytes());
}

fn joined(components: &[String]) -> String {
    format!("/{}", components.join("/"))
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..256), whole in any::<bool>()) {
        let length = if whole { RECORD_LEN } else { bytes.len() };
        hold(&bytes.iter().copied().cycle().take(if bytes.is_empty() { 0 } else { length }).collect::<Vec<_>>());
    }

    #[test]
    fn a_record_scribbled_over_stays_within_its_bounds(bits in any::<u64>(), patches in patches(), fill in any::<u8>()) {
        let mut bytes = record(bits);
        // Lengths and areas that lie, behind a head that does not.
        bytes.iter_mut().skip(at!(time_ns)).for_each(|byte| *byte = fill);
        for (offset, patch) in &patches {
            put(&mut bytes, *offset, patch);
        }
        hold(&bytes);
        hold_behind_a_head(&bytes);
        put(&mut bytes, at!(version), &record(bits)[..at!(time_ns)]);
        hold(&bytes);
        let seen = decode(&bytes).expect("its head is a record's");
        prop_assert_eq!(seen.path.is_some(), bits & valid::PATH != 0);
        prop_assert_eq!(seen.subject.arguments.is_some(), bits & valid::ARGUMENTS != 0);
        prop_assert_eq!(seen.subject.uid.is_some(), bits & valid::IDS != 0);
    }

    #[test]
    fn numbers_come_back(
        (time, inode, start, parent_start) in any::<(u64, u64, u64, u64)>(),
        (trap, device, generation, flags) in any::<(u32, u32, u32, u32)>(),
        (pid, tid, init_pid, parent_pid) in any::<(u32, u32, u32, u32)>(),
        (uid, gid, euid, mount_ns) in any::<(u32, u32, u32, u32)>(),
        (capabilities, cgroup_id) in any::<(u64, u64)>(),
    ) {
        let mut bytes = record(u64::MAX);
        for (offset, value) in [
            (at!(time_ns), time), (at!(inode), inode), (at!(start_time_ns), start), (at!(parent_start_time_ns), parent_start),
            (at!(capabilities), capabilities), (at!(cgroup_id), cgroup_id),
        ] {
            put(&mut bytes, offset, &value.to_ne_bytes());
        }
        for (offset, value) in [
            (at!(trap), trap), (at!(device), device), (at!(generation), generation), (at!(open_flags), flags), (at!(pid), pid),
            (at!(tid), tid), (at!(init_pid), init_pid), (at!(parent_pid), parent_pid), (at!(uid), uid), (at!(gid), gid),
            (at!(euid), euid), (at!(mount_ns), mount_ns), (at!(origin), ORIGIN_RUNTIME_EXEC),
        ] {
            put(&mut bytes, offset, &value.to_ne_bytes());
        }
        let seen = decode(&bytes).expect("a record");
        prop_assert_eq!((seen.boot_ns, seen.trap, seen.key.inode, seen.key.device), (time, trap, inode, device));
        prop_assert_eq!((seen.generation, seen.open_flags), (Some(generation), Some(flags)));
        let who = seen.subject;
        prop_assert_eq!((who.pid, who.tid, who.init_pid, who.parent.pid), (Some(pid), Some(tid), init_pid, Some(parent_pid)));
        prop_assert_eq!((who.uid, who.gid, who.euid), (Some(uid), Some(gid), Some(euid)));
        prop_assert_eq!((who.start_ns, who.parent.start_ns), (Some(start), Some(parent_start)));
        prop_assert_eq!((who.mount_ns, who.cgroup_id, who.capabilities), (Some(mount_ns), Some(cgroup_id), Some(capabilities)));
        prop_assert_eq!(who.origin, Some(Origin::RuntimeExec));
    }

    #[test]
    fn texts_come_back(
        path in components(), cwd in components(), executable in components(),
        words in vec(text(ARGUMENTS_LEN / 8), 1..8),
        comm in text(COMM_LEN), leaf in text(NAME_LEN), parent in text(NAME_LEN),
    ) {
        let truncated = valid::PATH_TRUNCATED | valid::CWD_TRUNCATED | valid::EXECUTABLE_TRUNCATED;
        let mut bytes = record(!truncated);
        put_path(&mut bytes, at!(path), at!(path_len), &path);
        put_path(&mut bytes, at!(cwd), at!(cwd_len), &cwd);
        put_path(&mut bytes, at!(executable), at!(executable_len), &executable);
        let block: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).collect();
        put(&mut bytes, at!(arguments), &block);
        put_length(&mut bytes, at!(arguments_len), block.len());
        put(&mut bytes, at!(comm), comm.as_bytes());
        put_name(&mut bytes, at!(cgroup_name), at!(cgroup_name_len), &leaf);
        put_name(&mut bytes, at!(cgroup_parent_name), at!(cgroup_parent_name_len), &parent);
        hold(&bytes);
        let seen = decode(&bytes).expect("a record");
        prop_assert_eq!(seen.path, Some(joined(&path)));
        let who = seen.subject;
        prop_assert_eq!((who.cwd, who.executable), (Some(joined(&cwd)), Some(joined(&executable))));
        prop_assert_eq!(who.arguments, Some(words));
        prop_assert_eq!((who.comm, who.cgroup_name, who.cgroup_parent_name), (Some(comm), Some(leaf), Some(parent)));
    }
}
