//! What whoever is root on this node may ask of the agent, and have it do.

use std::pin::Pin;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::status::Status;

/// An answer under way.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refused>> + Send + 'a>>;

/// The part of the agent that can do it.
pub trait Operator: Send + Sync + 'static {
    /// Alerts that their sinks will never take; of one sink, or of all.
    fn dead_letters<'a>(&'a self, sink: Option<&'a str>) -> Answering<'a, Vec<DeadLetter>>;

    /// One of them, by its alert's id, from each sink that has it: with what was sent.
    fn dead_letter<'a>(&'a self, id: &'a str) -> Answering<'a, Vec<DeadLetter>>;

    /// Queues dead letters anew; gives how many there were.
    fn retry<'a>(&'a self, which: &'a Which) -> Answering<'a, usize>;

    /// Forgets dead letters; gives how many there were.
    fn drop_dead<'a>(&'a self, which: &'a Which) -> Answering<'a, usize>;

    /// All that there is to see.
    fn status(&self) -> Answering<'_, Status>;

    /// The address of the page with the key to all of it.
    fn page(&self) -> Answering<'_, String>;

    /// Changes the least important messages that are logged, if a level is given; gives what is in force.
    fn log<'a>(&'a self, level: Option<&'a str>) -> Answering<'a, String>;

    /// Sends a test alert that is marked as one, by the sink's own way.
    fn test<'a>(&'a self, sink: &'a str) -> Answering<'a, Tested>;
}

/// An alert that its sink will never take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Name of the sink.
    pub sink: String,
    /// The alert's id.
    pub id: String,
    /// When the alert's access happened.
    pub time: Timestamp,
    /// When it was given up.
    pub given_up: Timestamp,
    /// Why.
    pub reason: String,
    /// What was sent, as far as it is text; only where one letter is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A sink, or some dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// Only of this sink.
    pub sink: Option<String>,
    /// Only these; all if there are none.
    pub ids: Vec<String>,
}

/// What became of a test alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// The receiver took it.
    pub delivered: bool,
    /// The test alert's id.
    pub id: String,
    /// What the endpoint answered, in words.
    pub answer: String,
    /// From the attempt's beginning to the end of the answer.
    #[serde(default)]
    pub milliseconds: u64,
}

/// What is to be logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogLevel {
    /// Only asked for, where there is none.
    pub(super) level: Option<String>,
}

/// How many dead letters something was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) count: usize,
}

/// It cannot be done. Whoever asked acts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{reason}")]
pub struct Refused {
    /// Thing, cause and remedy.
    pub reason: String,
}

impl Refused {
    /// With this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
