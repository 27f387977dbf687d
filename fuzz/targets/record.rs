//! The decoder of records, with any bytes and with bytes behind a record's head.

#![no_main]

use koney_agent::event::properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::hold(bytes);
    properties::hold_behind_a_head(bytes);
});
