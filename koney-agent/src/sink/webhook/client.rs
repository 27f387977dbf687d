//! One attempt: an alert becomes a request, signed at the time of sending.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::event::content_type;
use super::{Config, response};
use crate::sink::http::{Post, Protocol, Reply, Settings};
use crate::sink::{Answer, BatchLimits, Form, Letter, short};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

impl Protocol for Config {
    fn settings(&self) -> &Settings {
        &self.http
    }

    /// Each has an id of its own, by which a receiver knows what it has already.
    fn limits(&self) -> BatchLimits {
        BatchLimits::SINGLE
    }

    fn post(&self, batch: &[Letter], form: Form, now: Timestamp) -> Post {
        let letter = batch.first().expect("a batch has letters");
        let body = short::body(letter, form);
        let (id, seconds) = (letter.id.as_str(), now.as_second());
        let mut headers = HeaderMap::new();
        let mut add = |name, value: &str| drop(HeaderValue::from_str(value).map(|value| headers.insert(name, value)));
        add(ID, id);
        add(TIMESTAMP, &seconds.to_string());
        if !self.keys.is_empty() {
            add(SIGNATURE, &self.keys.sign(id, seconds, &body));
        }
        Post { content_type: content_type(&body), headers, body }
    }

    fn answer(&self, reply: &Reply, _: &[Letter], form: Form) -> Answer {
        response::action(reply, form).into()
    }

    /// Success has nothing to say.
    fn reads(&self, status: reqwest::StatusCode) -> usize {
        if status.is_success() { 0 } else { 4096 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;
    use crate::sink::SinkId;
    use crate::sink::credentials::Values;
    use crate::sink::http::Options;
    use crate::sink::webhook::{Format, Webhook};

    fn config(signing: &'static str) -> Config {
        let sink = SinkId::new("koney-system", "prod");
        let value = |key: &str| match key {
            "url" => Some(b"https://hooks.example/a?sig=SECRETPART".as_slice()),
            "signingSecret" => Some(signing.as_bytes()),
            _ => None,
        };
        let values = Values { sink: &sink, secret: "s", value: &value };
        Config::new(&values, Options::default()).expect("a good Secret")
    }

    #[test]
    fn the_id_stays_and_the_signature_is_of_the_attempt() {
        let config = config("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let letter = samples::letter(&Webhook::default(), &samples::in_pod());
        let post =
            |second| config.post(std::slice::from_ref(&letter), Form::Full, Timestamp::from_second(second).expect("a time"));
        let (first, second) = (post(1_753_000_000), post(1_753_000_060));
        assert_eq!((&first.body, first.content_type), (&letter.body, "application/cloudevents+json; charset=utf-8"));
        assert_eq!(first.headers[ID], "C85DB174F28C4FDD0892C4B8F280A86B");
        assert_eq!(first.headers[ID], second.headers[ID]);
        assert_eq!(
            (&first.headers[TIMESTAMP], &second.headers[TIMESTAMP]),
            (&"1753000000".parse().expect("ASCII"), &"1753000060".parse().expect("ASCII"))
        );
        assert_ne!(first.headers[SIGNATURE], second.headers[SIGNATURE]);
    }

    #[test]
    fn without_a_key_nothing_is_signed_and_the_line_stays_a_line() {
        let config = config("");
        let letter = samples::letter(&Webhook { format: Format::Koney, ..Webhook::default() }, &samples::in_pod());
        let post = config.post(std::slice::from_ref(&letter), Form::Full, Timestamp::UNIX_EPOCH);
        assert_eq!((post.body, post.headers.get(SIGNATURE)), (letter.body, None));
    }
}
