//! Texts of the kernel's, and what only looks like them.

use proptest::{collection::vec, prelude::*};

use super::{
    Environment, Preemption,
    counters::parse_missed,
    environment::has_bpf,
    properties::{texts, type_information},
    settings::memory_on_v1,
};
use crate::properties::cases;

/// Words of the texts in question, and what separates them.
fn words() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "memory\t",
        "0\t",
        "4\t",
        "bpf",
        ",",
        "\n",
        " ",
        "recursion_misses:",
        "17",
        "PREEMPT_DYNAMIC",
        "PREEMPT_RT",
        "SMP",
        "none",
        "(",
        ")",
        "full",
        "preempt=",
        "CONFIG_PREEMPT_NONE=y",
        "6.12.117+deb13",
        "18446744073709551616",
        "\u{FFFD}",
    ]);
    vec(prop_oneof![3 => known.prop_map(str::to_owned), 1 => any::<String>()], 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_text_is_read(text in words()) {
        texts(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_read(bytes in vec(any::<u8>(), 0..200)) {
        texts(&bytes);
        type_information(&bytes);
    }

    #[test]
    fn the_number_of_missed_calls_comes_back(missed in any::<u64>(), before in "([a-z_]{1,20}:\t[0-9]{1,5}\n){0,4}") {
        prop_assert_eq!(parse_missed(&format!("{before}recursion_misses:\t{missed}\nverified_insns:\t9\n")), Some(missed));
    }

    #[test]
    fn the_memory_controllers_hierarchy_decides_wherever_its_line_is(number in 0..20_u32, before in "([a-l]{1,6}\t[0-9]\t1\t1\n){0,6}") {
        prop_assert_eq!(memory_on_v1(&format!("{before}memory\t{number}\t57\t1\npids\t3\t1\t1\n")), number != 0);
    }

    #[test]
    fn bpf_is_found_wherever_it_stands(names in vec("[ac-z]{1,12}", 0..8), at in any::<prop::sample::Index>()) {
        prop_assert!(!has_bpf(&names.join(",")));
        let mut with = names.clone();
        with.insert(at.index(names.len() + 1), "bpf".to_owned());
        prop_assert!(has_bpf(&(with.join(",") + "\n")));
    }

    #[test]
    fn releases_are_ordered_by_number(major in 0..100_u32, minor in 0..100_u32, tail in "([.+-][a-z0-9.+-]{0,20})?") {
        let release = format!("{major}.{minor}{tail}");
        let environment = Environment { release, bpf_lsm: None, preemption: Preemption::None };
        prop_assert!(!environment.older_than(major, minor));
        prop_assert!(environment.older_than(major, minor + 1) && environment.older_than(major + 1, 0));
    }
}
