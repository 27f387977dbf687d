//! The address of a Dynatrace environment, and of the endpoint below it.

use crate::sink::http::{Endpoint, InvalidUrl, Options, UrlRules};

const ENDPOINT: &str = "/platform/ingest/v1/security.events";

/// Reads the base address. A trailing `/` and one trailing `/api` are forgiven: many people store it that way.
///
/// A query would become fields of every event, so there is none.
pub(super) fn endpoint(text: &str, options: Options) -> Result<Endpoint, InvalidUrl> {
    let rules = UrlRules { section: "dynatrace", example: "https://ENVIRONMENT.live.dynatrace.com", query: false, options };
    let url = Endpoint::parse(text, rules)?;
    let path = url.path().trim_end_matches('/');
    let base = path.strip_suffix("/api").unwrap_or(path).trim_end_matches('/');
    if !(base.is_empty() || base.strip_prefix("/e/").is_some_and(is_environment_id)) {
        return Err(InvalidUrl::Path("it must be empty or /e/ENVIRONMENT; remove the rest, koney adds the endpoint itself"));
    }
    let path = format!("{base}{ENDPOINT}");
    Ok(url.with_path(&path))
}

fn is_environment_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, InvalidUrl> {
        endpoint(text, Options { allow_http: true, allow_local: true }).map(|url| url.url().to_string())
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
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_could_redirect_or_rewrite_is_refused() {
        for (text, expected) in [
            ("https://abc.live.dynatrace.com?", InvalidUrl::Query),
            ("https://abc.live.dynatrace.com/?a=b", InvalidUrl::Query),
            ("https://abc.live.dynatrace.com/#x", InvalidUrl::Fragment),
            ("https://user@abc.live.dynatrace.com", InvalidUrl::UserInfo),
        ] {
            assert_eq!(parse(text), Err(expected), "{text:?}");
        }
        for path in ["api/api", "api/v2", "e/", "e/a/b", "e/a%2Fb"] {
            assert!(matches!(parse(&format!("https://gate/{path}")), Err(InvalidUrl::Path(_))), "{path}");
        }
    }
}
