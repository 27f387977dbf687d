//! What all sinks over HTTP have in common: addresses that may be sent to, one way to make a client, one attempt, and what its
//! failures mean.
//!
//! A sink brings a [`Protocol`]: the body of a request, and what an answer means. It gets a [`Courier`] for it.

mod address;
mod auth;
mod client;
mod courier;
mod endpoint;
mod failure;
mod reply;
mod resolver;
mod settings;
mod tls;

#[cfg(test)]
mod address_tests;
#[cfg(test)]
mod client_tests;
#[cfg(test)]
pub(super) mod hostile;

pub use address::Refused;
pub(super) use address::check as check_address;
pub use courier::{Courier, Post, Protocol};
pub use endpoint::{Endpoint, InvalidUrl, UrlRules};
pub(super) use failure::{UNREACHABLE, refusal};
pub(super) use reply::slow;
pub use reply::{Remedies, Reply};
pub(super) use resolver::lookup;
pub use settings::{Options, Settings};
pub use tls::Tls;
