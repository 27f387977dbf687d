//! Who was asked in the cluster, and whether they have answered: for metrics and status.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

/// What became of the questions of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The last one was answered.
    pub connected: bool,
    /// When one was answered last.
    pub last: Option<Timestamp>,
}

/// Of all kinds; clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<BTreeMap<&'static str, Answer>>>);

impl Answers {
    /// Each kind that was asked for, with what became of it.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, Answer)> {
        self.lock().iter().map(|(kind, answer)| (*kind, *answer)).collect()
    }

    /// There was an answer.
    pub(super) fn answered(&self, kind: &'static str) {
        self.lock().insert(kind, Answer { connected: true, last: Some(Timestamp::now()) });
    }

    /// There was none.
    pub(super) fn failed(&self, kind: &'static str) {
        self.lock().entry(kind).or_default().connected = false;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_the_time_of_the_last_answer() {
        let answers = Answers::default();
        answers.failed("pods");
        assert_eq!(answers.all(), [("pods", Answer::default())]);
        answers.clone().answered("pods");
        let last = answers.all()[0].1.last;
        answers.failed("pods");
        assert!(last.is_some());
        assert_eq!(answers.all(), [("pods", Answer { connected: false, last })]);
    }
}
