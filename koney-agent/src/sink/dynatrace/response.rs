//! What an answer of the endpoint means for the alert.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};

use crate::sink::{Action, Form};

/// Moment at which the limit ends, in microseconds since 1970.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The parts of an answer that decide.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// The beginning of the body.
    pub(super) body: &'a [u8],
}

impl Answer<'_> {
    pub(super) fn action(&self, form: Form, now: SystemTime) -> Action {
        let reason = || self.reason();
        match self.status.as_u16() {
            202 => Action::delivered(),
            // With a 400 it is something in between that speaks, for example to plain http on an https port: the alert is not at fault.
            200..=299 | 400 if self.is_html() => slow(reason(), "a web page answered, not the API: check `apiUrl`"),
            200..=299 => Action::Delivered { remark: Some(format!("{}, where 202 Accepted is documented", self.status)) },
            300..=399 => slow(reason(), &format!("redirects are never followed{}: check `apiUrl`", self.redirected_to())),
            401 => slow(reason(), "the token is missing, wrong or revoked: check `apiToken`"),
            402 => slow(reason(), "the licence of the environment is used up"),
            403 => slow(
                reason(),
                "the token lacks a permission: an access token needs the scope `openpipeline.events_security`, \
                 a platform token `openpipeline:security.events:ingest`",
            ),
            404 => slow(
                reason(),
                "there is no such endpoint: check `apiUrl`, and that the environment is SaaS; Dynatrace Managed does not offer it",
            ),
            413 if form == Form::Full => Action::Shorten { reason: reason() },
            400 | 413 | 422 => Action::Reject { reason: reason() },
            408 | 429 | 500..=599 => Action::Retry { reason: reason(), after: self.hint(now) },
            _ => slow(reason(), "the answer is not one of this API: check `apiUrl`"),
        }
    }

    /// How long the receiver asks for patience. Its own clock counts, where it tells the time: ours may be wrong.
    fn hint(&self, now: SystemTime) -> Option<Duration> {
        let now = self.text(&DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
        let until = |moment: SystemTime| moment.duration_since(now).unwrap_or_default();
        let retry_after = self.text(&RETRY_AFTER).and_then(|value| {
            let seconds = value.parse().map(Duration::from_secs).ok();
            seconds.or_else(|| httpdate::parse_http_date(value).ok().map(until))
        });
        retry_after.or_else(|| {
            let reset = Duration::from_micros(self.text(&RATE_LIMIT_RESET)?.parse().ok()?);
            SystemTime::UNIX_EPOCH.checked_add(reset).map(until)
        })
    }

    fn reason(&self) -> String {
        match self.message() {
            Some(message) => format!("answer {}: {message}", self.status),
            None => format!("answer {}", self.status),
        }
    }

    /// `error.message` of the body, fit for a log: the sender of the body may be anyone.
    fn message(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(self.body).ok()?;
        let message = body.get("error")?.get("message")?.as_str()?;
        Some(message.chars().filter(|character| !character.is_control()).collect())
    }

    /// The host alone: the rest of a location may hold anything, our own address with its secrets included.
    fn redirected_to(&self) -> String {
        let host = self.text(&LOCATION).and_then(|location| reqwest::Url::parse(location).ok());
        host.and_then(|url| url.host_str().map(|host| format!(" (this one leads to {host})"))).unwrap_or_default()
    }

    fn is_html(&self) -> bool {
        let kind = self.text(&CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        kind.starts_with("text/html") || kind.starts_with("application/xhtml") || self.body.trim_ascii_start().starts_with(b"<")
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }
}

fn slow(what: String, remedy: &str) -> Action {
    Action::SlowRetry { reason: what + "; " + remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_753_000_000);

    fn action(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Action {
        action_in(Form::Full, status, headers, body)
    }

    fn action_in(form: Form, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Action {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header value"))).collect();
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, headers: &headers, body: body.as_bytes() }.action(form, SystemTime::UNIX_EPOCH + NOW)
    }

    fn hint(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        match action(429, headers, "") {
            Action::Retry { after, .. } => after.map(|wait| wait.as_secs()),
            other => panic!("not a retry: {other:?}"),
        }
    }

    #[test]
    fn each_status_has_its_action() {
        assert_eq!(action(202, &[], "ignored"), Action::delivered());
        for status in [200, 201, 204] {
            assert!(matches!(action(status, &[], ""), Action::Delivered { remark: Some(_) }), "{status}");
        }
        assert!(matches!(action(200, &[], "\n<!DOCTYPE html>"), Action::SlowRetry { .. }));
        assert!(matches!(action(200, &[("content-type", "Text/HTML; charset=utf-8")], ""), Action::SlowRetry { .. }));
        assert!(matches!(action(400, &[], "<html>"), Action::SlowRetry { .. }));
        for status in [301, 302, 304, 307, 308, 401, 402, 403, 404, 405, 407, 410, 415] {
            assert!(matches!(action(status, &[], "{}"), Action::SlowRetry { .. }), "{status}");
        }
        for status in [408, 429, 500, 501, 502, 503, 504, 599] {
            assert!(matches!(action(status, &[], "{}"), Action::Retry { after: None, .. }), "{status}");
        }
        for status in [400, 422] {
            assert!(matches!(action(status, &[], "{}"), Action::Reject { .. }), "{status}");
        }
        assert!(matches!(action_in(Form::Full, 413, &[], ""), Action::Shorten { .. }));
        assert!(matches!(action_in(Form::Short, 413, &[], ""), Action::Reject { .. }));
    }

    #[test]
    fn hints_are_read_in_every_form() {
        let date = ("date", "Sun, 20 Jul 2025 08:26:40 GMT");
        assert_eq!(hint(&[("retry-after", "17")]), Some(17));
        assert_eq!(hint(&[("retry-after", "Sun, 20 Jul 2025 08:27:10 GMT")]), Some(30));
        assert_eq!(
            hint(&[("retry-after", "Sun, 20 Jul 2025 08:27:10 GMT"), ("date", "Sun, 20 Jul 2025 08:27:00 GMT")]),
            Some(10)
        );
        assert_eq!(hint(&[("retry-after", "Sun, 20 Jul 2025 08:00:00 GMT"), date]), Some(0));
        assert_eq!(hint(&[("x-ratelimit-reset", "1753000042000000")]), Some(42));
        assert_eq!(hint(&[("retry-after", "5"), ("x-ratelimit-reset", "1753000042000000")]), Some(5));
        for nonsense in ["-1", "soon", "", "99999999999999999999999"] {
            assert_eq!(hint(&[("retry-after", nonsense), ("x-ratelimit-reset", nonsense)]), None, "{nonsense:?}");
        }
        assert_eq!(hint(&[("x-ratelimit-reset", "18446744073709551615")]), Some(18_444_991_073_709));
    }

    #[test]
    fn only_the_message_is_repeated_and_without_control_characters() {
        let body = r#"{"error":{"code":400,"message":"bad\u001b[2J\nvalue","details":"hidden"}}"#;
        assert_eq!(action(400, &[], body), Action::Reject { reason: "answer 400 Bad Request: bad[2Jvalue".to_owned() });
        assert_eq!(action(400, &[], "plain text"), Action::Reject { reason: "answer 400 Bad Request".to_owned() });
    }
}
