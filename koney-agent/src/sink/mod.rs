//! From `Alert` to delivered, retried or given up.
//!
//! In come alerts and the sinks that are wanted; out go requests. Every sink has a queue, a task and a health of its own, so a dead
//! one delays nobody. Nothing here knows how an alert came about, or Kubernetes.

mod backoff;
mod config;
pub mod dynatrace;
mod filter;
mod health;
mod outcome;
mod queue;
mod render;
mod set;
pub mod stdout;
pub mod store;
mod task;
mod transport;

#[cfg(test)]
mod alone;
#[cfg(test)]
mod leak_tests;
#[cfg(test)]
mod set_tests;

pub use backoff::{Schedule, Schedules};
pub use config::{ConfigError, SinkConfig, SinkId, Target};
pub use filter::Filter;
pub use health::Health;
pub use outcome::{Action, Form};
pub use queue::{CAPACITY, Overflow, Queue};
pub use render::Render;
pub use set::{Leftover, Settings, SinkSet};
pub use transport::{Answer, Attempt, BatchLimits, Letter, Transport};

/// Makes ring the cryptography of every TLS connection of this process. Calling it again changes nothing.
pub fn install_crypto_provider() {
    // An error means that a provider is installed already, which is all that is wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
}
