//! Delivers alerts to a channel of Slack, by an incoming webhook.

mod client;
mod config;
mod event;
mod response;

pub use config::Config;
pub use event::Message;
