//! One attempt: documents become a bulk request.

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::{Config, response};
use crate::sink::http::{Post, Protocol, Reply, Settings};
use crate::sink::{Answer, BatchLimits, Form, Letter, short};

/// Bytes of an answer: it has an item for each document.
const LONGEST_ANSWER: usize = 1 << 20;

impl Protocol for Config {
    fn settings(&self) -> &Settings {
        &self.http
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn post(&self, batch: &[Letter], form: Form, _: Timestamp) -> Post {
        let body = batch.iter().flat_map(|letter| match form {
            Form::Full => letter.body.clone(),
            Form::Short => shortened(&letter.body),
        });
        Post { content_type: "application/x-ndjson", headers: HeaderMap::new(), body: body.collect() }
    }

    fn answer(&self, reply: &Reply, batch: &[Letter], form: Form) -> Answer {
        response::answer(reply, batch.len(), form)
    }

    fn reads(&self, status: StatusCode) -> usize {
        if status.is_success() { LONGEST_ANSWER } else { 4096 }
    }
}

/// Each line is a JSON of its own.
fn shortened(kept: &[u8]) -> Vec<u8> {
    let lines = kept.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.flat_map(|line| [short::json(line), b"\n".to_vec()].concat()).collect()
}
