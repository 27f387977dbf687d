//! What koney's behaviour tests and its demo stand on: an ingest endpoint that speaks the real protocol, and the agent as a process.

mod certificate;
mod https;

pub mod agent;
pub mod bench;
pub mod browser;
pub mod cluster;
pub mod container;
pub mod count;
pub mod delivery;
pub mod e2e;
pub mod evasion;
pub mod floor;
pub mod ingest;
pub mod kernel;
pub mod manifests;
pub mod pins;
pub mod prometheus;
pub mod receivers;
pub mod resident;
pub mod schema;
pub mod stage;
pub mod walk;
