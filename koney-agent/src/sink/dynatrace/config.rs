//! What the Dynatrace sink is told, read from a resource and its Secret.

use reqwest::header::AUTHORIZATION;

use super::{token, url};
use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Options, Settings};

/// Key of the Secret that holds the base address.
pub const KEY_API_URL: &str = "apiUrl";
/// Key of the Secret that holds the token.
pub const KEY_API_TOKEN: &str = "apiToken";

/// All that is needed to send events to one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) http: Settings,
}

impl Config {
    /// Reads the Secret.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let endpoint = url::endpoint(values.text(KEY_API_URL)?, options).map_err(|error| values.invalid(KEY_API_URL, &error))?;
        let token = values.text(KEY_API_TOKEN)?;
        let authorization = token::authorization(token).map_err(|error| values.invalid(KEY_API_TOKEN, &error))?;
        let mut http = Settings::read(values, vec![endpoint], options)?;
        if !http.header(AUTHORIZATION, &authorization, token) {
            return Err(values.invalid(KEY_API_TOKEN, &token::InvalidToken));
        }
        Ok(Self { http })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sink::SinkId;

    fn build(values: &[(&'static str, &'static str)], allow_http: bool) -> Result<Config, String> {
        let sink = SinkId::new("koney-system", "prod");
        let values: BTreeMap<_, _> = values.iter().copied().collect();
        let value = |key: &str| values.get(key).map(|value| value.as_bytes());
        let values = Values { sink: &sink, secret: "tenant", value: &value };
        Config::new(&values, Options { allow_http, allow_local: false }).map_err(|error| error.to_string())
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
                 the credentials; use https, or set `spec.dynatrace.allowHttp: true`",
            ),
            (
                vec![("apiUrl", "https://[::1]:9999/e/abc"), TOKEN],
                "sink koney-system/prod: the key `apiUrl` of Secret `tenant` cannot be used: its host is an address of this node itself; \
                 name another, or set `spec.dynatrace.allowLocal: true` if that is meant",
            ),
            (
                vec![URL, TOKEN, ("caBundle", "not PEM")],
                "sink koney-system/prod: the key `caBundle` of Secret `tenant` cannot be used: it holds no certificate; store one or \
                 more certificates in PEM, each between BEGIN CERTIFICATE and END CERTIFICATE",
            ),
            (
                vec![URL, TOKEN, ("tls.key", "x")],
                "sink koney-system/prod: Secret `tenant` has no value under the key `tls.crt`; add it",
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
        let urls: Vec<_> = config.http.endpoints.iter().map(|endpoint| endpoint.url().as_str()).collect();
        assert_eq!(urls, ["https://abc.live.dynatrace.com/platform/ingest/v1/security.events"]);
        let printed = format!("{config:?}");
        assert!(printed.contains("abc.live") && !printed.contains("SECRET") && !printed.contains("dt0c01"), "{printed}");
        assert!(build(&[("apiUrl", "http://abc"), TOKEN], true).is_ok());
    }
}
