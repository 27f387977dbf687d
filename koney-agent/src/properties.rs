//! How property tests run: everywhere and always with the same cases, so that a red run is red again. `fuzz/` looks for new ones.

use proptest::test_runner::{Config, RngSeed};

pub(crate) fn cases(count: u32) -> Config {
    Config { cases: count, failure_persistence: None, rng_seed: RngSeed::Fixed(0x6B6F_6E65_7900), ..Config::default() }
}
