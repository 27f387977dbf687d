//! BTF that was right once: cut, and with any of its bytes changed.

use proptest::{collection::vec, prelude::*};

use super::{Btf, Expect, MemberError, properties::hold, raw, synthetic::Builder};
use crate::properties::cases;

/// Every shape that the look-up knows, under names that the agent asks for.
fn every_shape() -> Builder {
    let mut builder = Builder::default();
    let int = builder.int("unsigned int", 4);
    let long = builder.int("unsigned long", 8);
    let char = builder.int("char", 1);
    let pointer = builder.pointer(0);
    let comm = builder.array(char, 16);
    let path = builder.structure("path", 16, &[("mnt", pointer, 0), ("dentry", pointer, 64)]);
    let constant = builder.qualifier(raw::KIND_CONST, path);
    let union = builder.union("", 16, &[("__f_path", path, 0), ("f_path", constant, 0)]);
    builder.structure("file", 64, &[("f_inode", pointer, 0), ("f_mode", int, 64), ("", union, 256)]);
    builder.structure("inode", 24, &[("i_ino", long, 0), ("i_generation", int, 64), ("i_sb", pointer, 128)]);
    builder.structure("task_struct", 32, &[("comm", comm, 64), ("flags", int, 0)]);
    builder.bit_field("bits", 4, "low", int, 3, 2);
    builder.enumeration("cgroup_subsys_id", &[("cpu_cgrp_id", 1), ("memory_cgrp_id", 4)]);
    builder
}

/// Unnamed structs in each other, some leading back: each level may have all of them as members.
fn nested(links: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::default();
    let first = builder.next_id();
    for inner in links {
        let members: Vec<_> = inner.iter().map(|link| ("", first + u32::from(*link) % 8, 0)).collect();
        builder.structure("", 8, &members);
    }
    builder.structure("file", 8, &[("", first, 0)]);
    builder.build()
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn changed_bytes_never_lead_beyond_a_struct(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>(), whole in any::<bool>(),
    ) {
        let mut bytes = every_shape().build();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        hold(&bytes);
    }

    #[test]
    fn words_of_the_type_section_may_say_anything(
        words in vec(prop_oneof![any::<u32>(), 0..20_u32, (0..20_u32).prop_map(|kind| kind << 24 | 1)], 1..64),
    ) {
        let mut builder = every_shape();
        builder.raw(&words);
        hold(&builder.build());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        hold(&bytes);
    }

    #[test]
    fn members_are_found_where_they_were_put(members in vec(0..500_u32, 1..20), size in 1..4000_u32) {
        let names: Vec<_> = (0..members.len()).map(|number| format!("m{number}")).collect();
        let mut builder = Builder::default();
        let int = builder.int("unsigned int", 4);
        let placed: Vec<_> = names.iter().zip(&members).map(|(name, at)| (name.as_str(), int, at * 8)).collect();
        builder.structure("s", size, &placed);
        let btf = Btf::parse(&builder.build()).expect("well formed");
        for (name, at) in names.iter().zip(members) {
            let expected = if at + 4 <= size {
                Ok(u16::try_from(at).expect("small"))
            } else {
                Err(MemberError::Unreachable(format!("s.{name}")))
            };
            prop_assert_eq!(btf.member("s", &[name], Expect::Sized(4)), expected);
        }
    }

    #[test]
    fn unnamed_structs_that_lead_back_are_left_in_the_end(links in vec(vec(any::<u8>(), 1..12), 8)) {
        let bytes = nested(&links);
        let btf = Btf::parse(&bytes).expect("well formed");
        prop_assert!(btf.member("file", &["f_inode"], Expect::Pointer).is_err());
    }
}
