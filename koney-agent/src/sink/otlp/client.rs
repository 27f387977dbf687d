//! One attempt: log records become a request.

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use super::{Config, response};
use crate::sink::http::{Post, Protocol, Reply, Settings};
use crate::sink::{Answer, BatchLimits, Form, Letter, short};

const HEAD: &str = concat!(
    r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"koney"}}]},"#,
    r#""scopeLogs":[{"scope":{"name":"koney","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"logRecords":["#
);
const TAIL: &str = "]}]}]}";

impl Protocol for Config {
    fn settings(&self) -> &Settings {
        &self.http
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn post(&self, batch: &[Letter], form: Form, _: Timestamp) -> Post {
        let records: Vec<_> = batch.iter().map(|letter| short::body(letter, form)).collect();
        let body = [HEAD.as_bytes(), &records.join(&b','), TAIL.as_bytes()].concat();
        Post { content_type: "application/json", headers: HeaderMap::new(), body }
    }

    fn answer(&self, reply: &Reply, batch: &[Letter], form: Form) -> Answer {
        response::answer(reply, batch.len(), form)
    }
}
