//! What a probe and a scraper may ask: is the agent alive, is it ready, what has it counted. Nobody can tell it anything here.

mod health;
mod metrics;
mod server;

pub use health::{Health, Step};
pub use metrics::Facts;
pub use server::{Admin, DEFAULT};
