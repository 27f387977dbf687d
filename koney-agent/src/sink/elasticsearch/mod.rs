//! Delivers alerts to Elasticsearch and `OpenSearch`, as documents of the Elastic Common Schema.

mod client;
mod config;
mod event;
mod response;

pub use config::Config;
pub use event::Document;
