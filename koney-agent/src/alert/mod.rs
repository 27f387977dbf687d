//! From `Hit` to `Alert`.

pub mod model;

pub use model::{Alert, AlertId, Container, Operation, Owner, Process, Trap};
