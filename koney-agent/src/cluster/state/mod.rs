//! What a person sees of it in the cluster: each agent reports in a Lease of its own, and one of them, which is elected, sums the reports up
//! in conditions of policies and sinks.
//!
//! A Lease says by its renewal that its agent lives, and takes few rights. Besides, only Events of sinks are written, in the same namespace.

mod conditions;
mod election;
mod events;
mod leases;
mod report;
mod summary;
mod task;

pub use report::{NodeReport, PolicyState, SinkState};
pub use task::{Reporter, Reports};
