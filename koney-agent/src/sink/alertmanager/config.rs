//! What the Alertmanager sink is told, read from a resource and its Secret.

use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Endpoint, Options, Settings, UrlRules};

const KEY_URL: &str = "url";
const ENDPOINT: &str = "/api/v2/alerts";
/// Replicas of one Alertmanager.
const MOST: usize = 10;

/// All that is needed to send alerts to every replica of one Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) http: Settings,
}

impl Config {
    /// Reads the Secret. `url` names the replicas, separated by white space.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let rules = UrlRules { section: "alertmanager", example: "https://HOST:9093", query: false, options };
        let text = values.text(KEY_URL)?;
        if text.split_whitespace().count() > MOST {
            return Err(values.invalid(KEY_URL, &format_args!("it names more than {MOST} addresses; name one for each replica")));
        }
        let endpoint = |text| {
            let endpoint = Endpoint::parse(text, rules)?;
            let path = endpoint.path().trim_end_matches('/');
            let path = format!("{}{ENDPOINT}", path.strip_suffix(ENDPOINT).unwrap_or(path));
            Ok(endpoint.with_path(&path))
        };
        let endpoints = text.split_whitespace().map(endpoint).collect::<Result<Vec<_>, crate::sink::http::InvalidUrl>>();
        let endpoints = endpoints.map_err(|error| values.invalid(KEY_URL, &error))?;
        let mut http = Settings::read(values, endpoints, options)?;
        http.authenticate(values)?;
        Ok(Self { http })
    }
}
