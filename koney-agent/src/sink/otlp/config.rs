//! What the OTLP sink is told, read from a resource and its Secret.

use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Endpoint, Options, Settings, UrlRules};

const KEY_URL: &str = "url";
const ENDPOINT: &str = "/v1/logs";

/// All that is needed to send log records to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) http: Settings,
}

impl Config {
    /// Reads the Secret. The address is the base one, as in `OTEL_EXPORTER_OTLP_ENDPOINT`; with `/v1/logs` it is taken as well.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let rules = UrlRules { section: "otlp", example: "https://COLLECTOR:4318", query: false, options };
        let endpoint = Endpoint::parse(values.text(KEY_URL)?, rules).map_err(|error| values.invalid(KEY_URL, &error))?;
        let path = endpoint.path().trim_end_matches('/');
        let path = format!("{}{ENDPOINT}", path.strip_suffix(ENDPOINT).unwrap_or(path));
        let mut http = Settings::read(values, vec![endpoint.with_path(&path)], options)?;
        http.authenticate(values)?;
        Ok(Self { http })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SinkId;

    #[test]
    fn the_path_is_added_once() {
        for (url, expected) in [
            ("https://collector:4318", "https://collector:4318/v1/logs"),
            ("https://collector:4318/", "https://collector:4318/v1/logs"),
            ("https://collector/otlp/v1/logs/", "https://collector/otlp/v1/logs"),
        ] {
            let sink = SinkId::new("koney-system", "prod");
            let value = |key: &str| (key == "url").then_some(url.as_bytes());
            let values = Values { sink: &sink, secret: "s", value: &value };
            let config = Config::new(&values, Options::default()).expect("a good Secret");
            let urls: Vec<_> = config.http.endpoints.iter().map(|endpoint| endpoint.url().as_str()).collect();
            assert_eq!(urls, [expected]);
        }
    }
}
