//! What a probe and a scraper may ask: is the agent alive, is it ready, what has it counted. Nobody can tell it anything there.
//!
//! What root on this node may have it do besides comes through a socket that nobody else can open.

mod accept;
mod ask;
mod health;
pub mod metrics;
mod operator;
mod server;
pub mod socket;
#[cfg(test)]
mod socket_tests;
pub mod status;

pub use ask::{Agent, AskError};
pub use health::{Health, Step};
pub use metrics::{Facts, Validity};
pub use operator::{Answering, DeadLetter, Operator, Refused, Tested, Which};
pub use server::{Admin, DEFAULT};
