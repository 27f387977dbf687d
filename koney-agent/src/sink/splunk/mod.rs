//! Delivers alerts to Splunk's HTTP Event Collector.

mod client;
mod config;
mod event;
mod response;

pub use config::Config;
pub use event::HecEvent;
