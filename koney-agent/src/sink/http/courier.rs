//! One attempt over HTTP: letters become a request, an answer becomes actions.

use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::OnceCell;

use super::{Endpoint, Reply, Settings, client, failure};
use crate::sink::{Action, Answer, Attempt, BatchLimits, Form, Letter, Transport, Trial, Trying};

const LONGEST_REASON: usize = 1024;
const LONGEST_BODY_READ: usize = 4096;

/// What a sink adds to HTTP.
pub trait Protocol: Send + Sync + 'static {
    /// Where to, and with which credentials.
    fn settings(&self) -> &Settings;

    /// How much one request may carry.
    fn limits(&self) -> BatchLimits;

    /// The request for these letters, at least one.
    fn post(&self, batch: &[Letter], form: Form, now: Timestamp) -> Post;

    /// What an answer means.
    fn answer(&self, reply: &Reply, batch: &[Letter], form: Form) -> Answer;

    /// How many bytes of an answer are read. Nothing is waited for where nothing depends on it.
    fn reads(&self, status: StatusCode) -> usize {
        if status == StatusCode::ACCEPTED || status == StatusCode::NO_CONTENT { 0 } else { LONGEST_BODY_READ }
    }
}

/// A request, as far as it differs from letter to letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// What the body is.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Carries letters to the receivers of one protocol.
#[derive(Debug)]
pub struct Courier<P> {
    protocol: P,
    /// Made with the first attempt: a failure is then one of delivery, kept and tried again like every other.
    http: OnceCell<reqwest::Client>,
}

impl<P: Protocol> Courier<P> {
    /// Touches neither network nor disk yet.
    #[must_use]
    pub fn new(protocol: P) -> Self {
        Self { protocol, http: OnceCell::new() }
    }

    /// Tries once to deliver the letters, to every endpoint.
    pub async fn send(&self, batch: &[Letter], form: Form) -> Answer {
        self.sent(batch, form, 0).await.answer
    }

    /// At least so much is read of each answer.
    async fn sent(&self, batch: &[Letter], form: Form, least: usize) -> Trial {
        let settings = self.protocol.settings();
        let http = match self.http.get_or_try_init(|| async { client::build(settings) }).await {
            Ok(http) => http,
            Err(error) => {
                let action = Action::SlowRetry { reason: failure::client_error(error) };
                return Trial { answer: action.into(), said: None };
            }
        };
        let post = self.protocol.post(batch, form, Timestamp::now());
        let attempts = settings.endpoints.iter().map(|endpoint| self.post(http, endpoint, &post, (batch, form), least));
        let (answers, said): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().unzip();
        let said: Vec<_> = said.into_iter().flatten().map(|text| self.shown(&text)).collect();
        Trial { answer: self.finished(any_of(answers), batch.len()), said: (!said.is_empty()).then(|| said.join("; ")) }
    }

    async fn post(
        &self,
        http: &reqwest::Client,
        endpoint: &Endpoint,
        post: &Post,
        (batch, form): (&[Letter], Form),
        least: usize,
    ) -> (Answer, Option<String>) {
        let mut request = http
            .post(endpoint.url().clone())
            .header(CONTENT_TYPE, HeaderValue::from_static(post.content_type))
            .headers(post.headers.clone())
            .body(post.body.clone());
        for (name, value) in &self.protocol.settings().headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => {
                let longest = self.protocol.reads(response.status()).max(least);
                let reply = Reply::read(response, longest).await;
                (self.protocol.answer(&reply, batch, form), (least > 0).then(|| reply.excerpt()))
            }
            Err(error) => (failure::action(error, endpoint).into(), None),
        }
    }

    fn shown(&self, text: &str) -> String {
        let mut text = self.protocol.settings().redactor.redact(text);
        text.truncate(text.floor_char_boundary(LONGEST_REASON));
        text
    }

    /// A receiver may answer with what it was sent. Cut only afterwards: half a token would not be found.
    fn finished(&self, answer: Answer, letters: usize) -> Answer {
        let finish = |mut action: Action| {
            if let Some(text) = action.text_mut() {
                *text = self.shown(text);
            }
            action
        };
        match answer {
            Answer::All(action) => Answer::All(finish(action).of_batch(letters)),
            Answer::Each(actions) => Answer::Each(actions.into_iter().map(finish).collect()),
        }
    }
}

impl<P: Protocol> Transport for Courier<P> {
    fn limits(&self) -> BatchLimits {
        self.protocol.limits()
    }

    fn attempt<'a>(&'a self, batch: &'a [Letter], form: Form) -> Attempt<'a> {
        Box::pin(self.send(batch, form))
    }

    fn trial<'a>(&'a self, letter: &'a Letter) -> Trying<'a> {
        Box::pin(self.sent(std::slice::from_ref(letter), Form::Full, LONGEST_BODY_READ))
    }
}

/// Several endpoints are one receiver: it has the letters when one of them has. The others' trouble is remarked.
fn any_of(mut answers: Vec<Answer>) -> Answer {
    if let [_] = answers.as_slice() {
        return answers.remove(0);
    }
    let is_delivered = |answer: &Answer| matches!(answer, Answer::All(Action::Delivered { .. }));
    if answers.iter().any(is_delivered) {
        let trouble = answers.into_iter().filter(|answer| !is_delivered(answer)).find_map(|answer| match answer {
            Answer::All(mut action) => action.text_mut().map(|text| format!("not every address took it: {text}")),
            Answer::Each(_) => None,
        });
        return Action::Delivered { remark: trouble }.into();
    }
    // What passes by itself first: the others may be reached when it has.
    let passes = |answer: &Answer| matches!(answer, Answer::All(Action::Retry { .. }));
    let first = answers.iter().position(passes).unwrap_or(0);
    answers.swap_remove(first)
}
