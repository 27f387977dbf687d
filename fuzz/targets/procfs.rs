//! The readers of `/proc` and `/sys`.

#![no_main]

use koney_agent::{kernel, workload};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    workload::properties::files(bytes);
    kernel::properties::texts(bytes);
});
