//! What the Dynatrace sink is told, read from a resource and its Secret.

use std::fmt;

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{ApiUrl, Token};
use crate::sink::{ConfigError, SinkId};

/// Key of the Secret that holds the base address.
pub const KEY_API_URL: &str = "apiUrl";
/// Key of the Secret that holds the token.
pub const KEY_API_TOKEN: &str = "apiToken";
/// Key of the Secret that holds further root certificates, in PEM.
pub const KEY_CA_BUNDLE: &str = "caBundle";

/// The resource's part of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Which sink.
    pub sink: &'a SinkId,
    /// Name of its Secret.
    pub secret: &'a str,
    /// Plain http is allowed.
    pub allow_http: bool,
}

/// All that is needed to send events to one environment.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    pub(super) url: ApiUrl,
    pub(super) token: Token,
    /// DER, checked.
    ca_bundle: Vec<CertificateDer<'static>>,
}

impl Config {
    /// Reads the values of the Secret through `value`, which gives the bytes under a key.
    pub fn new<'s>(resource: Resource<'_>, value: impl Fn(&str) -> Option<&'s [u8]>) -> Result<Self, ConfigError> {
        let text = |key| text(resource, key, &value);
        let invalid = |key, problem: String| ConfigError::KeyInvalid {
            sink: resource.sink.clone(),
            secret: resource.secret.to_owned(),
            key,
            problem,
        };
        let url =
            ApiUrl::parse(text(KEY_API_URL)?, resource.allow_http).map_err(|error| invalid(KEY_API_URL, error.to_string()))?;
        let token = Token::parse(text(KEY_API_TOKEN)?).map_err(|error| invalid(KEY_API_TOKEN, error.to_string()))?;
        let ca_bundle = match value(KEY_CA_BUNDLE) {
            Some(pem) if !pem.trim_ascii().is_empty() => certificates(pem).map_err(|problem| invalid(KEY_CA_BUNDLE, problem))?,
            _ => Vec::new(),
        };
        Ok(Self { url, token, ca_bundle })
    }

    pub(super) fn root_certificates(&self) -> Vec<Certificate> {
        self.ca_bundle.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Dynatrace")
            .field("endpoint", &self.url.endpoint().as_str())
            .field("ca_certificates", &self.ca_bundle.len())
            .finish_non_exhaustive()
    }
}

fn text<'s>(resource: Resource<'_>, key: &'static str, value: impl Fn(&str) -> Option<&'s [u8]>) -> Result<&'s str, ConfigError> {
    let (sink, secret) = (resource.sink.clone(), resource.secret.to_owned());
    let bytes = value(key).unwrap_or_default().trim_ascii();
    if bytes.is_empty() {
        return Err(ConfigError::KeyMissing { sink, secret, key });
    }
    str::from_utf8(bytes).map_err(|error| ConfigError::KeyInvalid {
        sink,
        secret,
        key,
        problem: format!("it is not text: {error}; store it as UTF-8"),
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let remedy = "store one or more certificates in PEM, each between BEGIN CERTIFICATE and END CERTIFICATE";
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("it is not PEM ({error}); {remedy}"))?;
    if certificates.is_empty() {
        return Err(format!("it holds no certificate; {remedy}"));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| format!("a certificate in it cannot be read ({error}); {remedy}"))?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn build(values: &[(&'static str, &'static str)], allow_http: bool) -> Result<Config, String> {
        let sink = SinkId::new("koney-system", "prod");
        let values: BTreeMap<_, _> = values.iter().copied().collect();
        let resource = Resource { sink: &sink, secret: "tenant", allow_http };
        Config::new(resource, |key| values.get(key).map(|value| value.as_bytes())).map_err(|error| error.to_string())
    }

    const URL: (&str, &str) = ("apiUrl", "https://abc.live.dynatrace.com/");
    const TOKEN: (&str, &str) = ("apiToken", "dt0c01.PUBLIC.SECRET\n");

    #[test]
    fn errors_name_sink_secret_key_and_remedy() {
        for (values, expected) in [
            (vec![URL], "sink koney-system/prod: Secret `tenant` has no value under the key `apiToken`; add it"),
            (vec![TOKEN], "sink koney-system/prod: Secret `tenant` has no value under the key `apiUrl`; add it"),
            (
                vec![URL, ("apiToken", "\n")],
                "sink koney-system/prod: Secret `tenant` has no value under the key `apiToken`; add it",
            ),
            (
                vec![("apiUrl", "http://abc"), TOKEN],
                "sink koney-system/prod: the key `apiUrl` of Secret `tenant` cannot be used: over plain http anyone on the way can read \
                 the token; use https, or set `spec.dynatrace.allowHttp: true`",
            ),
            (
                vec![URL, TOKEN, ("caBundle", "not PEM")],
                "sink koney-system/prod: the key `caBundle` of Secret `tenant` cannot be used: it holds no certificate; store one or \
                 more certificates in PEM, each between BEGIN CERTIFICATE and END CERTIFICATE",
            ),
        ] {
            assert_eq!(build(&values, false).map(|_| ()), Err(expected.to_owned()));
        }
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = build(&[URL, TOKEN, ("caBundle", garbage)], false).expect_err("not a certificate");
        assert!(error.contains("`caBundle`") && error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn a_good_secret_is_read_and_not_printed() {
        let config = build(&[URL, TOKEN, ("caBundle", "\n")], false).expect("a good Secret");
        assert_eq!(config.url.endpoint().as_str(), "https://abc.live.dynatrace.com/platform/ingest/v1/security.events");
        let printed = format!("{config:?}");
        assert!(printed.contains("abc.live") && !printed.contains("SECRET") && !printed.contains("dt0c01"), "{printed}");
        assert!(build(&[("apiUrl", "http://abc"), TOKEN], true).is_ok());
    }
}
