//! One attempt: alerts become a request to every replica.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{Config, response};
use crate::sink::http::{Post, Protocol, Reply, Settings};
use crate::sink::{Answer, BatchLimits, Form, Letter, short};

/// How long an access counts as going on. Counted from the time of sending: of an alert that comes with its end behind it nobody is
/// told.
const LASTS: SignedDuration = SignedDuration::from_hours(1);

impl Protocol for Config {
    fn settings(&self) -> &Settings {
        &self.http
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn post(&self, batch: &[Letter], form: Form, now: Timestamp) -> Post {
        let alerts: Vec<_> = batch.iter().map(|letter| alert(letter, form, now)).collect();
        let body = [b"[".as_slice(), &alerts.join(&b','), b"]"].concat();
        Post { content_type: "application/json", headers: HeaderMap::new(), body }
    }

    fn answer(&self, reply: &Reply, _: &[Letter], form: Form) -> Answer {
        response::action(reply, form).into()
    }
}

/// What was kept, with its end.
fn alert(letter: &Letter, form: Form, now: Timestamp) -> Vec<u8> {
    let kept = short::body(letter, form);
    let Ok(Value::Object(mut alert)) = serde_json::from_slice(&kept) else { return kept };
    alert.insert("endsAt".to_owned(), format!("{:.3}", now + LASTS).into());
    serde_json::to_vec(&alert).expect("it was JSON before")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;
    use crate::sink::alertmanager::PrometheusAlert;

    #[test]
    fn the_end_is_ahead_whenever_it_is_sent() {
        let letter = samples::letter(&PrometheusAlert::default(), &samples::in_pod());
        let now = letter.time + SignedDuration::from_hours(100);
        let sent: Value = serde_json::from_slice(&alert(&letter, Form::Full, now)).expect("JSON");
        assert_eq!(sent["startsAt"], "2025-07-18T19:39:11.987Z");
        assert_eq!(sent["endsAt"], "2025-07-23T00:39:11.987Z");
    }
}
