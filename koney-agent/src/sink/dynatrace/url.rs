//! The address of a Dynatrace environment, and of the endpoint below it.

use std::net::IpAddr;

use reqwest::Url;

const ENDPOINT: &str = "/platform/ingest/v1/security.events";

/// A base address that may be sent a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl {
    endpoint: Url,
}

/// The text is no such address. Final until the Secret changes. Does not repeat the text, which may hold a credential by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL at all.
    #[error("it is not a URL ({0}); write it as https://ENVIRONMENT.live.dynatrace.com")]
    Syntax(String),
    /// Neither https nor http.
    #[error("its scheme is not https; write it as https://ENVIRONMENT.live.dynatrace.com")]
    Scheme,
    /// Plain http.
    #[error("over plain http anyone on the way can read the token; use https, or set `spec.dynatrace.allowHttp: true`")]
    PlainHttp,
    /// User name or password.
    #[error("it holds a user name or password; remove it, the token alone is the credential")]
    UserInfo,
    /// A query, whose parameters would overwrite the event's fields.
    #[error("it has a query, which would change every event; remove everything from `?` on")]
    Query,
    /// A fragment.
    #[error("it has a fragment; remove everything from `#` on")]
    Fragment,
    /// Some other path.
    #[error("its path must be empty or /e/ENVIRONMENT; remove the rest, koney adds {ENDPOINT} itself")]
    Path,
}

impl ApiUrl {
    /// Reads the base address. A trailing `/` and one trailing `/api` are forgiven: many people store it that way.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, InvalidUrl> {
        let mut url = Url::parse(text.trim()).map_err(|error| InvalidUrl::Syntax(error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if allow_http => {}
            "http" => return Err(InvalidUrl::PlainHttp),
            _ => return Err(InvalidUrl::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::UserInfo);
        }
        if url.query().is_some() {
            return Err(InvalidUrl::Query);
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        let path = url.path().trim_end_matches('/');
        let base = path.strip_suffix("/api").unwrap_or(path).trim_end_matches('/');
        if !(base.is_empty() || base.strip_prefix("/e/").is_some_and(is_environment_id)) {
            return Err(InvalidUrl::Path);
        }
        url.set_path(&format!("{base}{ENDPOINT}"));
        Ok(Self { endpoint: url })
    }

    /// Where events are posted to.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Whether requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.endpoint.scheme() == "https"
    }

    /// Whether the receiver is on this machine, where no proxy can find it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.endpoint.host_str().is_some_and(|host| {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        })
    }
}

fn is_environment_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<String, InvalidUrl> {
        ApiUrl::parse(text, true).map(|url| url.endpoint().to_string())
    }

    #[test]
    fn bases_are_normalised() {
        let live = "https://abc.live.dynatrace.com/platform/ingest/v1/security.events";
        let gate = "https://gate:9999/e/abc-1/platform/ingest/v1/security.events";
        for (text, expected) in [
            ("https://abc.live.dynatrace.com", live),
            ("https://abc.live.dynatrace.com/", live),
            ("https://abc.live.dynatrace.com//\n", live),
            ("https://abc.live.dynatrace.com/api", live),
            ("https://abc.live.dynatrace.com/api/", live),
            ("HTTPS://ABC.live.dynatrace.com:443", live),
            ("https://gate:9999/e/abc-1", gate),
            ("https://gate:9999/e/abc-1/", gate),
            ("https://gate:9999/e/abc-1/api", gate),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/platform/ingest/v1/security.events"),
        ] {
            assert_eq!(endpoint(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_could_redirect_or_rewrite_is_refused() {
        for (text, expected) in [
            ("https://abc.live.dynatrace.com?", InvalidUrl::Query),
            ("https://abc.live.dynatrace.com/?a=b", InvalidUrl::Query),
            ("https://abc.live.dynatrace.com/#x", InvalidUrl::Fragment),
            ("https://user@abc.live.dynatrace.com", InvalidUrl::UserInfo),
            ("https://:pass@abc.live.dynatrace.com", InvalidUrl::UserInfo),
            ("https://abc.live.dynatrace.com/api/api", InvalidUrl::Path),
            ("https://abc.live.dynatrace.com/api/v2", InvalidUrl::Path),
            ("https://gate/e/", InvalidUrl::Path),
            ("https://gate/e/a/b", InvalidUrl::Path),
            ("https://gate/e/a%2Fb", InvalidUrl::Path),
            ("ftp://abc", InvalidUrl::Scheme),
        ] {
            assert_eq!(endpoint(text), Err(expected), "{text:?}");
        }
        assert_eq!(ApiUrl::parse("http://abc.live.dynatrace.com", false), Err(InvalidUrl::PlainHttp));
    }

    #[test]
    fn a_token_in_the_wrong_key_is_not_repeated() {
        let error = endpoint("dt0c01.PUBLIC.SECRET").expect_err("not a URL");
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
}
