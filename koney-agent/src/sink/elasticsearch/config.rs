//! What the Elasticsearch sink is told, read from a resource and its Secret.

use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Endpoint, Options, Settings, UrlRules};

const KEY_URL: &str = "url";
const KEY_API_KEY: &str = "apiKey";

/// All that is needed to send documents to one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) http: Settings,
}

impl Config {
    /// Reads the Secret.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let rules = UrlRules { section: "elasticsearch", example: "https://HOST:9200", query: false, options };
        let endpoint = Endpoint::parse(values.text(KEY_URL)?, rules).map_err(|error| values.invalid(KEY_URL, &error))?;
        let path = endpoint.path().trim_end_matches('/');
        let path = format!("{}/_bulk", path.strip_suffix("/_bulk").unwrap_or(path));
        let mut http = Settings::read(values, vec![endpoint.with_path(&path)], options)?;
        if let Some(key) = values.maybe(KEY_API_KEY)? {
            http.show(values, KEY_API_KEY, &format!("ApiKey {key}"), key)?;
        }
        http.authenticate(values)?;
        Ok(Self { http })
    }
}
