//! What a sink has to be able to do: one attempt with a few alerts.

use std::pin::Pin;

use jiff::Timestamp;

use super::{Action, Form};
use crate::alert::AlertId;

/// An attempt under way.
pub type Attempt<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// One alert on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Which alert.
    pub id: AlertId,
    /// When that happened.
    pub time: Timestamp,
    /// What the sink's [`Render`](super::Render) wrote of it.
    pub body: Vec<u8>,
}

/// How much one attempt may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Letters.
    pub entries: usize,
    /// Bytes of their bodies. A letter that has more by itself goes alone.
    pub bytes: usize,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The same for all of its letters.
    All(Action),
    /// Something for each letter, in their order and none left out.
    Each(Vec<Action>),
}

/// What one letter came to that somebody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What became of it.
    pub answer: Answer,
    /// What the receiver said, also where it took the letter; nothing where it says nothing, or nothing was to be read.
    pub said: Option<String>,
}

/// A trial under way.
pub type Trying<'a> = Pin<Box<dyn Future<Output = Trial> + Send + 'a>>;

/// Carries letters to one receiver. Bounds its own time; knows nothing of queues and retries.
pub trait Transport: Send + Sync + 'static {
    /// How much one attempt may carry.
    fn limits(&self) -> BatchLimits;

    /// Tries once, with at least one letter. Dropping the future gives the attempt up.
    fn attempt<'a>(&'a self, batch: &'a [Letter], form: Form) -> Attempt<'a>;

    /// Tries once with a letter that somebody watches: what the receiver says is read where nothing depends on it, too.
    fn trial<'a>(&'a self, letter: &'a Letter) -> Trying<'a> {
        Box::pin(async move { Trial { answer: self.attempt(std::slice::from_ref(letter), Form::Full).await, said: None } })
    }
}

impl BatchLimits {
    /// One letter at a time.
    pub const SINGLE: Self = Self { entries: 1, bytes: usize::MAX };
    /// What most receivers of batches take.
    pub const USUAL: Self = Self { entries: 100, bytes: 1_000_000 };
}

impl From<Action> for Answer {
    fn from(action: Action) -> Self {
        Self::All(action)
    }
}
