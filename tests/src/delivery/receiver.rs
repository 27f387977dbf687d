//! A receiver that is out for hours, answers late, wrongly, in part, or not at all after it has taken everything.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use koney_agent::{
    alert::AlertId,
    sink::{Action, Answer, Letter},
};

/// What it was told.
#[derive(Debug)]
pub(super) struct Receiver {
    random: fastrand::Rng,
    out_until: Timestamp,
    /// It does as it should from now on.
    pub(super) well: bool,
    pub(super) accepted: HashMap<AlertId, Accepted>,
    pub(super) altered: u64,
    pub(super) repeated: u64,
    pub(super) duplicated_without_crash: u64,
}

#[derive(Debug)]
pub(super) struct Accepted {
    body: Vec<u8>,
    pub(super) count: u64,
    /// It was told so, and the queue has removed it durably.
    pub(super) settled: bool,
    /// Nobody heard its answer, or an agent died before it could remove it.
    pub(super) uncertain: bool,
}

impl Receiver {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            out_until: Timestamp::UNIX_EPOCH,
            well: false,
            accepted: HashMap::new(),
            altered: 0,
            repeated: 0,
            duplicated_without_crash: 0,
        }
    }

    pub(super) fn go_out(&mut self, until: Timestamp) {
        self.out_until = until;
    }

    /// Whatever was being answered, nobody heard.
    pub(super) fn agent_died(&mut self) {
        for accepted in self.accepted.values_mut().filter(|accepted| !accepted.settled) {
            accepted.uncertain = true;
        }
    }

    pub(super) fn attempt(&mut self, now: Timestamp, batch: &[Letter]) -> Answer {
        let retry = || Action::Retry { reason: "503".to_owned(), after: None };
        if now < self.out_until {
            return Answer::All(retry());
        }
        match if self.well { 9 } else { self.random.u8(..14) } {
            0 => Answer::All(retry()),
            1 => Answer::All(Action::Retry { reason: "429".to_owned(), after: Some(Duration::from_secs(30)) }),
            2 => Answer::All(Action::SlowRetry { reason: "401".to_owned() }),
            // It took everything, and the connection broke.
            3 => {
                for letter in batch {
                    self.accept(letter, true);
                }
                Answer::All(retry())
            }
            4 => Answer::All(Action::Reject { reason: "400".to_owned() }.of_batch(batch.len())),
            5 => Answer::Each(
                batch
                    .iter()
                    .map(|letter| match self.random.u8(..4) {
                        0 => retry(),
                        1 => Action::Reject { reason: "400".to_owned() },
                        _ => {
                            self.accept(letter, false);
                            Action::delivered()
                        }
                    })
                    .collect(),
            ),
            _ => {
                for letter in batch {
                    self.accept(letter, false);
                }
                Answer::All(Action::delivered())
            }
        }
    }

    fn accept(&mut self, letter: &Letter, unheard: bool) {
        let Some(known) = self.accepted.get_mut(&letter.id) else {
            let accepted = Accepted { body: letter.body.clone(), count: count(&letter.body), settled: false, uncertain: unheard };
            self.accepted.insert(letter.id.clone(), accepted);
            return;
        };
        if known.body != letter.body {
            self.altered += 1;
        }
        if known.uncertain {
            self.repeated += 1;
        } else {
            self.duplicated_without_crash += 1;
        }
        known.uncertain = unheard;
    }
}

/// How many accesses a letter tells of; it is the last word of what the suite writes.
pub(super) fn count(body: &[u8]) -> u64 {
    let text = std::str::from_utf8(body).expect("written by the suite");
    text.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("ends in a number")
}
