//! From raw bytes to `Observation`: typed, total, never panics. Knows nothing of anything else.

mod decode;
mod observation;
mod text;

#[cfg(test)]
mod decode_properties;
#[cfg(any(test, fuzzing))]
pub mod properties;

pub use decode::{DecodeError, decode};
pub use observation::{Check, Observation, Operation, Origin, Parent, PathKind, Subject};
pub use text::arguments;
