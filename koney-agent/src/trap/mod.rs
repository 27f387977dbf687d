//! From policies to an arming plan, and from an observation to the traps it hit. Knows nothing of sinks or HTTP.

mod state;
mod table;

pub use state::State;
pub use table::{Hit, Table, Wanted};
