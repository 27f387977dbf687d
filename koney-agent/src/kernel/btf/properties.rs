//! What is true of looking anything up in any bytes. The property tests ask it of what they make, `fuzz/` of what it finds.

use super::{
    Btf, Expect, MemberError,
    raw::{KIND_STRUCT, KIND_UNION},
};

/// As much as one input is worth: every further struct is looked up in the same way.
const STRUCTS: usize = 8;
const MEMBERS: usize = 6;

const SHAPES: [(Expect, u64); 8] = [
    (Expect::Pointer, 8),
    (Expect::Sized(1), 1),
    (Expect::Sized(4), 4),
    (Expect::Sized(8), 8),
    (Expect::Bytes(16), 16),
    (Expect::Bytes(u32::MAX), 1 << 32),
    (Expect::Embedded, 0),
    (Expect::Array, 0),
];

/// Panics where a property does not hold.
pub fn hold(bytes: &[u8]) {
    let Ok(btf) = Btf::parse(bytes) else { return };
    let mut names: Vec<_> = btf.names().filter_map(|name| std::str::from_utf8(name).ok()).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(STRUCTS);
    for structure in names {
        let members = members(&btf, structure);
        for first in &members {
            // Any answer will do, as long as there is one.
            let _value = btf.enumerator(structure, first);
            looked_up(&btf, structure, &[first.as_str()]);
            for second in &members {
                looked_up(&btf, structure, &[first.as_str(), second.as_str()]);
            }
        }
        looked_up(&btf, structure, &["no such member"]);
    }
    assert!(matches!(btf.size_of("no such struct"), Err(MemberError::NoStruct(_))));
}

/// An offset never leads beyond the struct, whichever of its name it is, nor to where the programs take it for an absent one.
fn looked_up(btf: &Btf, structure: &str, path: &[&str]) {
    for (expect, width) in SHAPES {
        let Ok(offset) = btf.member(structure, path, expect) else { continue };
        assert_ne!(offset, u16::MAX);
        for size in sizes(btf, structure) {
            assert!(u64::from(offset) + width <= u64::from(size), "{structure}.{path:?} at {offset}, {expect:?}, of {size}");
        }
    }
}

fn sizes(btf: &Btf, structure: &str) -> impl Iterator<Item = u32> {
    btf.named(structure).filter(|found| matches!(found.kind, KIND_STRUCT | KIND_UNION)).map(|found| found.size_or_id)
}

/// Names of members of the struct, and of one unnamed member's.
fn members(btf: &Btf, structure: &str) -> Vec<String> {
    let mut names = Vec::new();
    for outer in btf.named(structure) {
        for index in 0..(outer.count as usize).min(MEMBERS) {
            let (Some(name), Some(id)) = (btf.word(outer, index * 3), btf.word(outer, index * 3 + 1)) else { break };
            names.push(String::from_utf8_lossy(btf.string(name)).into_owned());
            let inner = btf.get(id).filter(|inner| matches!(inner.kind, KIND_STRUCT | KIND_UNION));
            let inner = inner.and_then(|inner| btf.word(inner, 0));
            names.extend(inner.map(|name| String::from_utf8_lossy(btf.string(name)).into_owned()));
        }
    }
    names.sort();
    names.dedup();
    names.truncate(MEMBERS);
    names
}
