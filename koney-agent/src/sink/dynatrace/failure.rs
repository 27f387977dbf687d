//! What an attempt without an answer means for the alert.

use std::error::Error;
use std::io;

use super::ApiUrl;
use crate::sink::Action;

/// Tells trouble of the network from trouble of the configuration.
pub(super) fn action(error: reqwest::Error, url: &ApiUrl) -> Action {
    // The address stays out of the chain; it is told once, from the configuration.
    let error = error.without_url();
    let host = url.endpoint().host_str().unwrap_or("?");
    if let Some(problem) = certificate_problem(&error) {
        let reason =
            format!("the certificate of {host} is not trusted ({problem}); add its root certificate under the key `caBundle`");
        return Action::SlowRetry { reason };
    }
    let chain = chain(&error);
    if error.is_builder() {
        return Action::SlowRetry { reason: format!("no request can be made: {chain}") };
    }
    let reason = if error.is_timeout() {
        format!("no answer of {host} in time: {chain}")
    } else {
        format!("no answer of {host}: {chain}")
    };
    Action::Retry { reason, after: None }
}

/// Why no client could be made.
pub(super) fn client_error(error: reqwest::Error) -> String {
    let chain = chain(&error.without_url());
    format!(
        "no client can be made: {chain}; install the package `ca-certificates`, or add root certificates under the key `caBundle`"
    )
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        // Some layers only repeat what they wrap.
        if !text.contains(&part) {
            text = text + ": " + &part;
        }
        source = error.source();
    }
    text
}

fn certificate_problem(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(problem)) = error.downcast_ref() {
            return Some(problem.to_string());
        }
        // The source of an io::Error is not the error in it but that one's source, and they come nested.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
