//! What the Splunk sink is told, read from a resource and its Secret.

use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Endpoint, InvalidUrl, Options, Settings, UrlRules};

const KEY_URL: &str = "url";
const KEY_TOKEN: &str = "token";
const ENDPOINT: &str = "/services/collector/event";

/// All that is needed to send events to one collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) http: Settings,
}

impl Config {
    /// Reads the Secret.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let endpoint = endpoint(values.text(KEY_URL)?, options).map_err(|error| values.invalid(KEY_URL, &error))?;
        let token = values.text(KEY_TOKEN)?;
        let mut http = Settings::read(values, vec![endpoint], options)?;
        http.show(values, KEY_TOKEN, &format!("Splunk {token}"), token)?;
        Ok(Self { http })
    }
}

fn endpoint(text: &str, options: Options) -> Result<Endpoint, InvalidUrl> {
    let rules = UrlRules { section: "splunk", example: "https://HOST:8088", query: false, options };
    let url = Endpoint::parse(text, rules)?;
    match url.path().trim_end_matches('/') {
        "" | "/services/collector" | ENDPOINT => Ok(url.with_path(ENDPOINT)),
        _ => Err(InvalidUrl::Path("it must be empty; remove it, koney adds the endpoint itself")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_added() {
        for text in ["https://splunk:8088", "https://splunk:8088/", "https://splunk:8088/services/collector/event"] {
            let url = endpoint(text, Options::default()).expect(text);
            assert_eq!(url.url().as_str(), "https://splunk:8088/services/collector/event");
        }
        assert!(endpoint("https://splunk:8088/en-US", Options::default()).is_err());
    }
}
