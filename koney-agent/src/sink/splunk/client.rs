//! One attempt: events, one behind the other, become a request.

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use super::{Config, response};
use crate::sink::http::{Post, Protocol, Reply, Settings};
use crate::sink::{Answer, BatchLimits, Form, Letter, short};

impl Protocol for Config {
    fn settings(&self) -> &Settings {
        &self.http
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn post(&self, batch: &[Letter], form: Form, _: Timestamp) -> Post {
        let events: Vec<_> = batch.iter().map(|letter| short::body(letter, form)).collect();
        Post { content_type: "application/json", headers: HeaderMap::new(), body: events.join(&b'\n') }
    }

    fn answer(&self, reply: &Reply, _: &[Letter], form: Form) -> Answer {
        response::action(reply, form).into()
    }
}
