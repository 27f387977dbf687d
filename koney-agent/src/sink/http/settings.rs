//! All that is needed to reach a receiver over HTTP.

use reqwest::header::{HeaderName, HeaderValue};

use super::{Endpoint, Tls};
use crate::sink::ConfigError;
use crate::sink::credentials::{Redactor, Values};

/// Characters of a part of a URL that may be a secret.
const SHORTEST_PART: usize = 8;

/// What a resource allows that is refused otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Plain http.
    pub allow_http: bool,
    /// Addresses of the node itself.
    pub allow_local: bool,
}

/// Where, as whom, and with which credentials. Prints none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// One, or several that all get the same.
    pub endpoints: Vec<Endpoint>,
    /// Certificates.
    pub tls: Tls,
    /// What is allowed.
    pub options: Options,
    /// Sent with every request; marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Knows all credentials.
    pub redactor: Redactor,
}

impl Settings {
    /// Reads certificates from the Secret; credentials are added with [`Self::header`] and [`Self::secret`].
    pub fn read(values: &Values<'_>, endpoints: Vec<Endpoint>, options: Options) -> Result<Self, ConfigError> {
        let tls = Tls::read(values)?;
        Ok(Self { endpoints, tls, options, headers: Vec::new(), redactor: Redactor::default() })
    }

    /// Sends a header with a credential. False for a value that no header can have.
    #[must_use]
    pub fn header(&mut self, name: HeaderName, value: &str, secret: &str) -> bool {
        let Ok(mut value) = HeaderValue::from_str(value) else { return false };
        value.set_sensitive(true);
        self.headers.push((name, value));
        self.redactor.add(secret);
        true
    }

    /// What must not appear in any text.
    pub fn secret(&mut self, secret: &str) {
        self.redactor.add(secret);
    }

    /// The URLs themselves are credentials: neither path nor query of theirs may appear in any text.
    pub fn secret_urls(&mut self) {
        for endpoint in &self.endpoints {
            let url = endpoint.url();
            let segments = url.path_segments().into_iter().flatten();
            let values = url.query_pairs().map(|(_, value)| value.into_owned());
            let parts =
                [url.as_str(), url.path()].into_iter().chain(url.query()).chain(segments).map(str::to_owned).chain(values);
            // Shorter ones are no secret, and would be found in innocent texts.
            for part in parts.filter(|part| part.len() >= SHORTEST_PART) {
                self.redactor.add(&part);
            }
        }
    }
}
