//! The contract between koney's kernel programs and its agent.
//!
//! Both sides compile this crate, each with its own compiler, so what crosses the boundary is integers and byte arrays with
//! explicit padding, and every layout is asserted here: a disagreement is a compile error, not a wrong alert.

#![no_std]
#![forbid(unsafe_code)]

pub mod counter;
pub mod identity;
pub mod name;
pub mod offsets;
pub mod record;
pub mod relocation;
pub mod throttle;

pub use counter::Counter;
pub use identity::{ArmRequest, Gate, TrapEntry, TrapKey};
pub use name::NameKey;
pub use offsets::Offsets;
pub use record::Record;
pub use throttle::{Repeats, RepeatsKey, Slot};
