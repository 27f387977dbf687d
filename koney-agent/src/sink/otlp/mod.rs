//! Delivers alerts as log records over OTLP/HTTP with JSON, to a collector or whatever takes the same.

mod client;
mod config;
mod event;
mod response;

pub use config::Config;
pub use event::LogRecord;
