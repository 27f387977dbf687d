//! From policies to an arming plan, and from an observation to the traps it hit. Knows nothing of sinks or HTTP.

mod around;
#[cfg(test)]
mod around_tests;
#[cfg(test)]
pub(crate) mod catalogue;
mod held;
mod hits;
mod keys;
mod owner;
mod place;
pub mod plan;
mod planting;
mod standing;
mod state;
mod strangers;
mod surroundings;
mod table;
#[cfg(test)]
mod table_tests;
mod undecided;
#[cfg(test)]
mod undecided_tests;
mod view;

pub use held::Held;
pub use place::{Accessor, ContainerPlace, Place};
pub use planting::{Deed, Planting, Settled};
pub use standing::Standing;
pub use state::State;
pub use strangers::Strangers;
pub use surroundings::{Possible, Surroundings};
pub use table::{Hit, Table, Wanted};
pub use undecided::{Decided, Judgement, Undecided};
pub use view::View;
