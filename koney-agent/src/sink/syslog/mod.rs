//! Delivers alerts as syslog messages (RFC 5424) over TLS (RFC 5425), in the Common Event Format or for people.

mod cef;
mod client;
mod config;
mod connection;
mod event;
mod response;

#[cfg(test)]
mod client_tests;

#[cfg(test)]
pub(super) use response::catalogue;

pub use client::Client;
pub use config::{Config, Options};
pub use event::{Facility, Format, Message};
