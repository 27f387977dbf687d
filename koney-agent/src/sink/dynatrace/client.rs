//! One attempt: events become a request.

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use super::{Config, late, response};
use crate::sink::http::{Post, Protocol, Reply, Settings};
use crate::sink::{Answer, BatchLimits, Form, Letter};

impl Protocol for Config {
    fn settings(&self) -> &Settings {
        &self.http
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn post(&self, batch: &[Letter], form: Form, now: Timestamp) -> Post {
        Post { content_type: "application/json", headers: HeaderMap::new(), body: body(batch, form, now) }
    }

    fn answer(&self, reply: &Reply, _: &[Letter], form: Form) -> Answer {
        response::action(reply, form).into()
    }
}

/// One event is an object, as specified; several are an array of such objects.
fn body(batch: &[Letter], form: Form, now: Timestamp) -> Vec<u8> {
    if let [letter] = batch {
        return late::event(letter, form, now);
    }
    let events: Vec<_> = batch.iter().map(|letter| late::event(letter, form, now)).collect();
    [b"[".as_slice(), &events.join(&b','), b"]"].concat()
}
