//! What is true of whatever the kernel's files say. The property tests ask it of what they make, `fuzz/` of what it finds.

use koney_common::offsets::ABSENT;

use super::{
    Environment, Preemption,
    btf::{self, Btf},
    counters::parse_missed,
    environment::{has_bpf, preemption},
    offsets,
    settings::memory_on_v1,
};

/// `/sys/kernel/btf/vmlinux`. Panics where a property does not hold.
pub fn type_information(bytes: &[u8]) {
    btf::properties::hold(bytes);
    let Ok(btf) = Btf::parse(bytes) else { return };
    let (offsets, problems) = offsets::resolve(&btf);
    // Kernels before 6.8 do well without that one.
    let absent = offsets.absent().filter(|name| *name != "backing_file_user_path").count();
    assert_eq!(absent, problems.len(), "what is absent has a reason");
    assert!(offsets::require_identity(&offsets).is_err() || offsets.file_inode != ABSENT);
}

/// The texts of `/proc` and `/sys` that say what may be attached and how. Panics where a property does not hold.
pub fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(!memory_on_v1(&text) || text.contains("memory\t"));
    assert!(!has_bpf(&text) || text.contains("bpf"));
    if let Some(missed) = parse_missed(&text) {
        assert!(text.contains("recursion_misses:") && text.contains(&missed.to_string()));
    }
    let mut parts = text.splitn(4, '\n');
    let mut part = || parts.next();
    let (version, modes, command_line, config) = (part().unwrap_or_default(), part(), part().unwrap_or_default(), part());
    let told = preemption(version, modes, command_line, config);
    assert!(version.contains("PREEMPT") || told == Preemption::None);
    release(&text);
}

/// Older than one release is older than every later one.
fn release(text: &str) {
    let environment = Environment { release: text.to_owned(), bpf_lsm: None, preemption: Preemption::Unknown };
    assert!(!environment.older_than(0, 0));
    for (major, minor) in [(5, 10), (5, 12), (6, 1), (6, 12), (7, 3)] {
        if environment.older_than(major, minor) {
            assert!(environment.older_than(major, minor + 1) && environment.older_than(major + 1, 0));
        }
    }
}
