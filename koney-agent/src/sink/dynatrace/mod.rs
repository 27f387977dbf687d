//! Delivers alerts as security events of a Dynatrace environment.

mod client;
mod config;
mod event;
mod failure;
mod late;
mod response;
mod token;
mod url;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod tls_tests;

pub use client::Client;
pub use config::{Config, KEY_API_TOKEN, KEY_API_URL, KEY_CA_BUNDLE, Resource};
pub use event::Finding;
pub use token::Token;
pub use url::ApiUrl;
