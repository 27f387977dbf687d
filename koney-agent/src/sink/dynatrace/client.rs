//! One attempt: an event becomes a request, an answer becomes an action.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, tls};
use tokio::sync::OnceCell;

use super::{Config, failure, late, response};
use crate::sink::{Action, Attempt, BatchLimits, Form, Letter, Transport, install_crypto_provider};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("koney/", env!("CARGO_PKG_VERSION"));
const LONGEST_BODY_READ: usize = 4096;
const LONGEST_REASON: usize = 1024;

/// Posts events to one environment.
#[derive(Debug)]
pub struct Client {
    config: Config,
    /// Made with the first attempt: a failure is then one of delivery, kept and tried again like every other.
    http: OnceCell<reqwest::Client>,
}

impl Client {
    /// A client for this environment. Touches neither network nor disk yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, http: OnceCell::new() }
    }

    /// Tries once to deliver the letters.
    pub async fn send(&self, batch: &[Letter], form: Form) -> Action {
        let action = match self.http.get_or_try_init(|| async { self.build() }).await {
            Ok(http) => self.post(http, batch, form).await.of_batch(batch.len()),
            Err(error) => Action::SlowRetry { reason: failure::client_error(error) },
        };
        self.redact(action)
    }

    async fn post(&self, http: &reqwest::Client, batch: &[Letter], form: Form) -> Action {
        let body = body(batch, form, Timestamp::now());
        let request = http
            .post(self.config.url.endpoint().clone())
            .header(AUTHORIZATION, self.config.token.header())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        match request.send().await {
            Ok(mut response) => {
                let body = beginning(&mut response).await;
                let answer = response::Answer { status: response.status(), headers: response.headers(), body: &body };
                answer.action(form, SystemTime::now())
            }
            Err(error) => failure::action(error, &self.config.url),
        }
    }

    fn build(&self) -> reqwest::Result<reqwest::Client> {
        install_crypto_provider();
        let Config { url, .. } = &self.config;
        let roots = self.config.root_certificates();
        let mut builder = reqwest::Client::builder()
            .https_only(url.is_https())
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .tls_version_min(tls::Version::TLS_1_2)
            .user_agent(USER_AGENT);
        // The system's roots are loaded even where no TLS is spoken, and a system without any is an error then.
        builder = if url.is_https() { builder.tls_certs_merge(roots) } else { builder.tls_certs_only(roots) };
        if url.is_loopback() {
            builder = builder.no_proxy();
        }
        builder.build()
    }

    /// A receiver may answer with what it was sent. Cut only afterwards: half a token would not be found.
    fn redact(&self, mut action: Action) -> Action {
        if let Some(text) = action.text_mut() {
            *text = self.config.token.redact(text);
            text.truncate(text.floor_char_boundary(LONGEST_REASON));
        }
        action
    }
}

impl Transport for Client {
    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn attempt<'a>(&'a self, batch: &'a [Letter], form: Form) -> Attempt<'a> {
        Box::pin(async move { self.send(batch, form).await.into() })
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

/// Reads what the log needs; a body that breaks off does not matter. The documented answer has none, and whatever is sent with it
/// must not hold up the next alert.
async fn beginning(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    if response.status() == StatusCode::ACCEPTED {
        return body;
    }
    while body.len() < LONGEST_BODY_READ {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(LONGEST_BODY_READ);
    body
}
