//! Delivers alerts to any web server: as `CloudEvents`, as Koney's line or as OCSF findings, signed where the Secret has a key for it.

mod client;
mod config;
mod event;
mod ocsf;
mod response;
mod signature;

pub use config::Config;
pub use event::{Format, Webhook};
