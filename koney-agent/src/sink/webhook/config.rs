//! What the webhook is told, read from a resource and its Secret.

use super::signature::Keys;
use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Endpoint, Options, Settings, UrlRules};

const KEY_URL: &str = "url";
const KEY_SIGNING: &str = "signingSecret";

/// All that is needed to send alerts to one web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) http: Settings,
    pub(super) keys: Keys,
}

impl Config {
    /// Reads the Secret.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let rules = UrlRules { section: "webhook", example: "https://HOST/PATH", query: true, options };
        let endpoint = Endpoint::parse(values.text(KEY_URL)?, rules).map_err(|error| values.invalid(KEY_URL, &error))?;
        let mut http = Settings::read(values, vec![endpoint], options)?;
        // With many services the address alone is what permits to send.
        http.secret_urls();
        http.authenticate(values)?;
        let signing = values.maybe(KEY_SIGNING)?.unwrap_or_default();
        let keys = Keys::parse(signing).map_err(|problem| values.invalid(KEY_SIGNING, &problem))?;
        for key in signing.split_whitespace() {
            http.secret(key);
            http.secret(key.trim_start_matches("whsec_"));
        }
        Ok(Self { http, keys })
    }
}
