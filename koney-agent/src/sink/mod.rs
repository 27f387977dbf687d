//! From `Alert` to delivered, retried or given up.
//!
//! In come alerts and the sinks that are wanted; out go requests. Every sink has a queue, a task and a health of its own, so a dead
//! one delays nobody. Nothing here knows how an alert came about, or Kubernetes.

pub mod alertmanager;
mod backoff;
#[cfg(test)]
pub(crate) mod catalogue;
mod claim;
mod clean;
mod config;
pub mod credentials;
mod document;
pub mod dynatrace;
pub mod elasticsearch;
mod fields;
mod filter;
mod health;
pub mod http;
pub mod otlp;
mod outcome;
mod prepare;
mod queue;
mod render;
mod set;
mod short;
pub mod slack;
pub mod splunk;
pub mod stdout;
pub mod store;
pub mod syslog;
mod task;
mod transport;
pub mod webhook;

#[cfg(test)]
mod alone;
#[cfg(test)]
mod durable_tests;
#[cfg(test)]
mod every;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod leak_tests;
#[cfg(test)]
mod render_properties;
#[cfg(test)]
mod set_tests;
#[cfg(test)]
mod task_tests;

pub use backoff::{Schedule, Schedules};
pub use claim::Claim;
pub use config::{ConfigError, SinkConfig, SinkId, Target};
pub use filter::Filter;
pub use health::{Health, Sends};
pub use outcome::{Action, Form};
pub use prepare::Prepared;
pub use queue::{Queue, Stored};
pub use render::Render;
pub use set::{Enqueued, Leftover, Settings, SinkSet};
pub use transport::{Answer, Attempt, BatchLimits, Letter, Transport};

/// Makes ring the cryptography of every TLS connection of this process. Calling it again changes nothing.
pub fn install_crypto_provider() {
    // An error means that a provider is installed already, which is all that is wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
}
