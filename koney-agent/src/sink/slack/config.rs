//! What the Slack sink is told, read from a resource and its Secret.

use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Endpoint, Options, Settings, UrlRules};

const KEY_URL: &str = "url";

/// All that is needed to write to one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) http: Settings,
}

impl Config {
    /// Reads the Secret.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let rules = UrlRules { section: "slack", example: "https://hooks.slack.com/services/…", query: false, options };
        let endpoint = Endpoint::parse(values.text(KEY_URL)?, rules).map_err(|error| values.invalid(KEY_URL, &error))?;
        let mut http = Settings::read(values, vec![endpoint], options)?;
        http.secret_urls();
        Ok(Self { http })
    }
}
