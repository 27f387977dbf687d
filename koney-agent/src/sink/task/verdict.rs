//! What an answer means for each letter of a batch, and what was in the way of the rest.

use std::time::Duration;

use super::super::{Action, Answer, health::Sent};

/// By the letters' places in the batch. A letter that is in neither list stays in the queue.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) delivered: Vec<usize>,
    pub(super) rejected: Vec<(usize, String)>,
    /// Of what is kept; the worst where there is more than one.
    pub(super) trouble: Option<Trouble>,
    pub(super) remark: Option<String>,
}

/// From what is over soonest to what takes longest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// One letter, to be sent in the short form.
    Shorten(String),
    /// The letters go one by one.
    Split(String),
    /// It passes by itself.
    Retry { reason: String, after: Option<Duration> },
    /// A person has to mend it.
    Slow(String),
    /// The receiver says it is gone for good. Who changes their mind, or the resource, finds everything still there: nothing was promised
    /// to be thrown away, and the queue is bounded anyway.
    Gone(String),
}

impl Verdict {
    /// `short`: the letters were in the short form already, and there is no shorter one.
    pub(super) fn of(letters: usize, answer: Answer, short: bool) -> Self {
        let actions = match answer {
            Answer::All(action) => vec![action; letters],
            Answer::Each(actions) => actions,
        };
        let mut verdict = Self::default();
        let silent = || Action::Retry { reason: "the receiver said nothing of this alert".to_owned(), after: None };
        let actions = actions.into_iter().chain(std::iter::repeat_with(silent)).take(letters);
        for (index, action) in actions.enumerate() {
            match action {
                Action::Delivered { remark } => {
                    verdict.delivered.push(index);
                    verdict.remark = verdict.remark.or(remark);
                }
                Action::Reject { reason } => verdict.rejected.push((index, reason)),
                // By itself there is nothing left to try.
                Action::Split { reason } if letters == 1 => verdict.rejected.push((index, reason)),
                Action::Shorten { reason } if letters == 1 && short => verdict.rejected.push((index, reason)),
                Action::Shorten { reason } if letters == 1 => verdict.worse(Trouble::Shorten(reason)),
                Action::Shorten { reason } | Action::Split { reason } => verdict.worse(Trouble::Split(reason)),
                Action::Retry { reason, after } => verdict.worse(Trouble::Retry { reason, after }),
                Action::SlowRetry { reason } => verdict.worse(Trouble::Slow(reason)),
                Action::Gone { reason } => verdict.worse(Trouble::Gone(reason)),
            }
        }
        verdict
    }

    /// For the count of attempts.
    pub(super) fn sent(&self) -> Sent {
        match &self.trouble {
            Some(Trouble::Slow(_) | Trouble::Gone(_)) => Sent::Blocked,
            Some(Trouble::Retry { .. }) => Sent::Retried,
            Some(Trouble::Shorten(_) | Trouble::Split(_)) => Sent::Split,
            None if self.rejected.is_empty() => Sent::Accepted,
            None => Sent::Rejected,
        }
    }

    fn worse(&mut self, trouble: Trouble) {
        if self.trouble.as_ref().is_none_or(|known| known.rank() < trouble.rank()) {
            self.trouble = Some(trouble);
        }
    }
}

impl Trouble {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Shorten(reason)
            | Self::Split(reason)
            | Self::Slow(reason)
            | Self::Gone(reason)
            | Self::Retry { reason, .. } => reason,
        }
    }

    pub(super) fn needs_a_person(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Gone(_))
    }

    fn rank(&self) -> (u8, Option<Duration>) {
        match self {
            Self::Shorten(_) => (0, None),
            Self::Split(_) => (1, None),
            Self::Retry { after, .. } => (2, *after),
            Self::Slow(_) => (3, None),
            Self::Gone(_) => (4, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason() -> String {
        "why".to_owned()
    }

    #[test]
    fn each_letter_has_its_own() {
        let actions = vec![
            Action::delivered(),
            Action::Reject { reason: reason() },
            Action::Retry { reason: reason(), after: Some(Duration::from_secs(3)) },
            Action::Retry { reason: reason(), after: Some(Duration::from_secs(7)) },
        ];
        let verdict = Verdict::of(4, Answer::Each(actions), false);
        assert_eq!((verdict.delivered, verdict.rejected), (vec![0], vec![(1, reason())]));
        assert_eq!(verdict.trouble, Some(Trouble::Retry { reason: reason(), after: Some(Duration::from_secs(7)) }));
    }

    #[test]
    fn what_was_not_answered_is_kept() {
        let verdict = Verdict::of(3, Answer::Each(vec![Action::delivered()]), false);
        assert_eq!(verdict.delivered, [0]);
        assert!(verdict.rejected.is_empty() && matches!(verdict.trouble, Some(Trouble::Retry { .. })));
        let many = vec![Action::delivered(); 9];
        assert_eq!(Verdict::of(1, Answer::Each(many), false).delivered, [0], "more than were asked about");
    }

    #[test]
    fn alone_and_short_there_is_nothing_left_to_try() {
        let all = |letters, action, short| Verdict::of(letters, Answer::All(action), short);
        let shorten = || Action::Shorten { reason: reason() };
        assert_eq!(all(2, shorten(), false).trouble, Some(Trouble::Split(reason())));
        assert_eq!(all(1, shorten(), false).trouble, Some(Trouble::Shorten(reason())));
        assert_eq!(all(1, shorten(), true).rejected, [(0, reason())]);
        assert_eq!(all(1, Action::Split { reason: reason() }, false).rejected, [(0, reason())]);
    }
}
