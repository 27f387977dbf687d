//! An address that may be sent alerts and a credential.

use std::fmt;

use reqwest::Url;

use super::Options;
use super::address::{self, Refused};

/// A URL that was checked. Prints no more than its origin: with some receivers the rest is the credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

/// What a sink's URLs may be.
#[derive(Clone, Copy, Debug)]
pub struct UrlRules {
    /// The part of the resource that allows exceptions, for example `dynatrace`.
    pub section: &'static str,
    /// How such a URL is written.
    pub example: &'static str,
    /// A query is part of it.
    pub query: bool,
    /// What the resource allows.
    pub options: Options,
}

/// The text is no such URL. Final until the Secret changes. Does not repeat the text, which may hold a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Not a URL at all.
    #[error("it is not a URL ({0}); write it as {1}")]
    Syntax(String, &'static str),
    /// Neither https nor http.
    #[error("its scheme is not https; write it as {0}")]
    Scheme(&'static str),
    /// Plain http.
    #[error("over plain http anyone on the way can read the credentials; use https, or set `spec.{0}.allowHttp: true`")]
    PlainHttp(&'static str),
    /// User name or password.
    #[error("it holds a user name or password; remove it, credentials have keys of their own")]
    UserInfo,
    /// A query, whose parameters would change what is sent.
    #[error("it has a query, which would change every event; remove everything from `?` on")]
    Query,
    /// A fragment.
    #[error("it has a fragment; remove everything from `#` on")]
    Fragment,
    /// A path that the receiver does not have.
    #[error("its path cannot be right: {0}")]
    Path(&'static str),
    /// An address of the node itself.
    #[error("its host {refused}; name another, or set `spec.{section}.allowLocal: true` if that is meant", refused = Refused::Local)]
    Local {
        /// The part of the resource that allows it.
        section: &'static str,
    },
    /// An address that is never sent to.
    #[error("its host {0}, to which nothing is ever sent; name another")]
    Never(Refused),
}

impl Endpoint {
    /// Reads a URL; white space around it is not part of it.
    pub fn parse(text: &str, rules: UrlRules) -> Result<Self, InvalidUrl> {
        let UrlRules { section, example, query, options } = rules;
        let url = Url::parse(text.trim()).map_err(|error| InvalidUrl::Syntax(error.to_string(), example))?;
        match url.scheme() {
            "https" => {}
            "http" if options.allow_http => {}
            "http" => return Err(InvalidUrl::PlainHttp(section)),
            _ => return Err(InvalidUrl::Scheme(example)),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::UserInfo);
        }
        if url.query().is_some() && !query {
            return Err(InvalidUrl::Query);
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        address::check_host(&url, options.allow_local).map_err(|refused| match refused {
            Refused::Local => InvalidUrl::Local { section },
            refused => InvalidUrl::Never(refused),
        })?;
        Ok(Self { url })
    }

    /// With another path.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        self.url.set_path(path);
        self
    }

    /// The path, as it is written.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The whole address, which may be a credential.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or("?")
    }

    /// Whether requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn is_local(&self) -> bool {
        address::is_local(&self.url)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.url.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: UrlRules = UrlRules {
        section: "splunk",
        example: "https://HOST:8088",
        query: false,
        options: Options { allow_http: false, allow_local: false },
    };

    fn error(text: &str) -> InvalidUrl {
        Endpoint::parse(text, RULES).map(|_| ()).expect_err(text)
    }

    #[test]
    fn what_is_no_receiver_is_refused() {
        assert!(Endpoint::parse(" https://splunk.example:8088/a/b\n", RULES).is_ok());
        assert_eq!(error("http://splunk.example"), InvalidUrl::PlainHttp("splunk"));
        assert_eq!(error("ftp://splunk.example"), InvalidUrl::Scheme("https://HOST:8088"));
        assert_eq!(error("https://user@splunk.example"), InvalidUrl::UserInfo);
        assert_eq!(error("https://:pass@splunk.example"), InvalidUrl::UserInfo);
        assert_eq!(error("https://splunk.example/?a=b"), InvalidUrl::Query);
        assert_eq!(error("https://splunk.example/#a"), InvalidUrl::Fragment);
        assert_eq!(error("https://127.1/"), InvalidUrl::Local { section: "splunk" });
        assert_eq!(error("https://[::ffff:a9fe:a9fe]/"), InvalidUrl::Never(Refused::Metadata));
        assert!(matches!(error("dt0c01.SECRET"), InvalidUrl::Syntax(..)));
        assert!(!format!("{0} {0:?}", error("SECRET")).contains("SECRET"));
    }

    #[test]
    fn exceptions_are_allowed_by_name() {
        let options = Options { allow_http: true, allow_local: true };
        let endpoint =
            Endpoint::parse("http://localhost:8080/?a=b", UrlRules { query: true, options, ..RULES }).expect("allowed");
        assert!(endpoint.is_local() && !endpoint.is_https());
        let hint = error("https://localhost").to_string();
        assert!(hint.contains("`spec.splunk.allowLocal: true`"), "{hint}");
    }

    #[test]
    fn only_the_origin_is_printed() {
        let endpoint = Endpoint::parse("https://hooks.example/services/T0/SECRET", RULES).expect("a URL");
        assert_eq!(format!("{endpoint:?}"), "https://hooks.example");
    }
}
