//! What the syslog sink is told, read from a resource and its Secret.

use std::net::IpAddr;

use crate::sink::ConfigError;
use crate::sink::credentials::Values;
use crate::sink::http::{Endpoint, InvalidUrl, Tls, UrlRules};

const KEY_ADDRESS: &str = "address";
/// RFC 5425.
const PORT: u16 = 6514;

/// What the resource allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Without TLS.
    pub allow_plain: bool,
    /// Addresses of the node itself.
    pub allow_local: bool,
}

/// All that is needed to send messages to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) host: String,
    pub(super) port: u16,
    /// None where the messages go without.
    pub(super) tls: Option<Tls>,
    pub(super) allow_local: bool,
}

impl Config {
    /// Reads the Secret. `address` is `HOST` or `HOST:PORT`.
    pub fn new(values: &Values<'_>, options: Options) -> Result<Self, ConfigError> {
        let text = values.text(KEY_ADDRESS)?;
        let (host, port) = address(text, options).map_err(|error| values.invalid(KEY_ADDRESS, &error))?;
        let tls = if options.allow_plain { None } else { Some(Tls::read(values)?) };
        Ok(Self { host, port, tls, allow_local: options.allow_local })
    }
}

/// The parser of URLs turns every way to write an address into the address itself.
fn address(text: &str, options: Options) -> Result<(String, u16), InvalidUrl> {
    let rules = UrlRules {
        section: "syslog",
        example: "HOST:6514",
        query: false,
        options: crate::sink::http::Options { allow_http: false, allow_local: options.allow_local },
    };
    // An address of IPv6 may be written without its brackets.
    let bare = text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
    let url = if bare { format!("https://[{text}]") } else { format!("https://{text}") };
    let endpoint = Endpoint::parse(&url, rules)?;
    if endpoint.path() != "/" {
        return Err(InvalidUrl::Path("it is no URL; write HOST:PORT alone"));
    }
    // 443 is what the parser leaves out.
    let named = text.rsplit_once(':').is_some_and(|(_, port)| !bare && port == "443");
    let port = if named { 443 } else { endpoint.url().port().unwrap_or(PORT) };
    Ok((endpoint.host().trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_be_left_out() {
        let parse = |text| address(text, Options::default());
        for (text, host, port) in [
            ("syslog.example", "syslog.example", 6514),
            ("syslog.example:514", "syslog.example", 514),
            ("syslog.example:443", "syslog.example", 443),
            ("10.0.0.1:1514", "10.0.0.1", 1514),
            ("[fd00::1]:1514", "fd00::1", 1514),
            ("fd00::1", "fd00::1", 6514),
        ] {
            assert_eq!(parse(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in [
            "",
            "a:b",
            "a:70000",
            "https://syslog.example",
            "syslog.example/path",
            "user@syslog.example",
            "127.0.0.1",
            "[::1]:6514",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let local = Options { allow_local: true, ..Options::default() };
        assert_eq!(address("127.1:6514", local), Ok(("127.0.0.1".to_owned(), 6514)));
    }
}
