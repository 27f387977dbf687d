//! How property tests run: everywhere and always with the same cases, so that a red run is red again. `fuzz/` looks for new ones, and
//! what it starts from, and what it once found, is tried here too.

use std::{fs, path::Path};

use proptest::test_runner::{Config, RngSeed};

use crate::{event, kernel, workload};

pub(crate) fn cases(count: u32) -> Config {
    Config { cases: count, failure_persistence: None, rng_seed: RngSeed::Fixed(0x6B6F_6E65_7900), ..Config::default() }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus-seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.map(|file| file.and_then(|file| fs::read(file.path())).expect("a seed")).collect()
}

#[test]
fn seeds_of_the_fuzz_targets_hold() {
    for bytes in seeds("record") {
        // Of an older layout they would be refused by their length, and lead nowhere.
        event::decode(&bytes).expect("a record of today's layout");
        event::properties::hold(&bytes);
        event::properties::hold_behind_a_head(&bytes);
    }
    for bytes in seeds("btf") {
        kernel::properties::type_information(&bytes);
    }
    for bytes in seeds("cgroup") {
        workload::properties::cgroup(&bytes);
    }
    for bytes in seeds("procfs") {
        workload::properties::files(&bytes);
        kernel::properties::texts(&bytes);
    }
}
