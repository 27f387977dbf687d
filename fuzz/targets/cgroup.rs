//! The container that the names of cgroups tell.

#![no_main]

use koney_agent::workload::properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::cgroup(bytes));
