//! From `Hit` to `Alert`, and the forms that every transport shares: the sentence for people and Koney's line.

pub(crate) mod build;
mod identity;
mod labels;
pub mod line;
pub mod model;
mod parts;
pub mod sentence;
mod severity;
mod template;

#[cfg(test)]
pub(crate) mod samples;

pub use build::{gap, message, of_hit, repeats};
pub use labels::Labels;
pub use model::{Accessor, Alert, AlertId, Container, Gap, GapCause, HttpRequest, Owner, Process, Purpose, Repeated, Trap};
pub use parts::whole_seconds;
pub use severity::{Severity, UnknownSeverity};
pub use template::Template;
