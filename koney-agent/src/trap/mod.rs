//! From policies to an arming plan, and from an observation to the traps it hit. Knows nothing of sinks or HTTP.

mod keys;
mod state;
mod table;
#[cfg(test)]
mod table_tests;

pub use state::State;
pub use table::{Hit, Table, Wanted};
