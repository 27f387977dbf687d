//! Delivers alerts as security events of a Dynatrace environment.

mod client;
mod config;
mod event;
mod late;
mod response;
mod token;
mod url;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod tls_tests;

pub use config::{Config, KEY_API_TOKEN, KEY_API_URL};
pub use event::Finding;
