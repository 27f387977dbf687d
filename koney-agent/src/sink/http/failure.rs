//! What an attempt without an answer means for the alert.

use std::error::Error;
use std::io;

use super::resolver::Denied;
use super::{Endpoint, Refused};
use crate::causes::chain;
use crate::sink::Action;

/// What a person can look at, where it does not pass by itself.
pub(in crate::sink) const UNREACHABLE: &str =
    "check the address, and that this node may reach it (firewall, NetworkPolicy, proxy)";

/// Tells trouble of the network from trouble of the configuration.
pub(super) fn action(error: reqwest::Error, endpoint: &Endpoint) -> Action {
    // The address stays out of the chain; its host is told once, from the configuration.
    let error = error.without_url();
    let host = endpoint.host();
    if let Some(reason) = refusal(host, &error) {
        return Action::SlowRetry { reason };
    }
    let chain = chain(&error);
    if error.is_builder() {
        return Action::SlowRetry { reason: format!("no request can be made: {chain}; check the values of the sink's Secret") };
    }
    let reason = if error.is_timeout() {
        format!("no answer of {host} in time: {chain}; {UNREACHABLE}")
    } else {
        format!("no answer of {host}: {chain}; {UNREACHABLE}")
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

/// What a person has to mend: a certificate, or a name that leads where nothing is sent.
pub(in crate::sink) fn refusal(host: &str, error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(problem)) => {
                return Some(format!(
                    "the certificate of {host} is not trusted ({problem}); add its root certificate under the key `caBundle`"
                ));
            }
            Some(rustls::Error::AlertReceived(alert)) if is_about_the_client(*alert) => {
                return Some(format!(
                    "{host} does not take the client certificate ({alert:?}); check the keys `tls.crt` and `tls.key`"
                ));
            }
            _ => {}
        }
        if let Some(denied) = error.downcast_ref::<Denied>() {
            let remedy = match denied.refused() {
                Refused::Local => "if that is meant, or is the proxy, set `allowLocal: true` beside `secretName`",
                Refused::Metadata | Refused::Nobody => "check the name, and who answers for it",
            };
            return Some(format!("nothing is sent: {denied}; {remedy}"));
        }
        // The source of an io::Error is not the error in it but that one's source, and they come nested.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn is_about_the_client(alert: rustls::AlertDescription) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
    )
}
