//! One attempt: a message becomes a request.

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use super::{Config, response};
use crate::sink::http::{Post, Protocol, Reply, Settings};
use crate::sink::{Answer, BatchLimits, Form, Letter, short};

impl Protocol for Config {
    fn settings(&self) -> &Settings {
        &self.http
    }

    /// Slack takes a message a second, and says for how long to wait when there are more.
    fn limits(&self) -> BatchLimits {
        BatchLimits::SINGLE
    }

    fn post(&self, batch: &[Letter], form: Form, _: Timestamp) -> Post {
        let letter = batch.first().expect("a batch has letters");
        let body = short::body(letter, form);
        Post { content_type: "application/json", headers: HeaderMap::new(), body }
    }

    fn answer(&self, reply: &Reply, _: &[Letter], form: Form) -> Answer {
        response::action(reply, form).into()
    }
}
