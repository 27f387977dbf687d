//! Delivers alerts to Prometheus Alertmanager, to all of its replicas.

mod client;
mod config;
mod event;
mod response;

pub use config::Config;
pub use event::PrometheusAlert;
