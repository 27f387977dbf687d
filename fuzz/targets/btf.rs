//! The reader of the kernel's type information, and the look-up of members in it.

#![no_main]

use koney_agent::kernel::properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::type_information(bytes));
