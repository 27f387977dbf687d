//! What a sink has to be able to do: one attempt with one alert.

use std::pin::Pin;

use super::{Action, Form};
use crate::alert::Alert;

/// An attempt under way.
pub type Attempt<'a> = Pin<Box<dyn Future<Output = Action> + Send + 'a>>;

/// Carries one alert to one receiver. Bounds its own time; knows nothing of queues and retries.
pub trait Transport: Send + Sync + 'static {
    /// Tries once. Dropping the future gives the attempt up.
    fn attempt<'a>(&'a self, alert: &'a Alert, form: Form) -> Attempt<'a>;
}
