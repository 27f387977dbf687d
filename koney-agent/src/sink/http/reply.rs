//! An answer, as far as it decides, and what answers mean with every receiver.

use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use crate::sink::{Action, Form};

/// Moment at which the limit ends, in microseconds since 1970.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// Where receivers put the one sentence that says what is wrong.
const MESSAGES: [&str; 5] = ["/error/message", "/error/reason", "/message", "/text", "/error"];
/// Characters of an answer that is not JSON.
const LONGEST_TEXT: usize = 200;
/// The longest that a receiver can make us wait: a hint of a year would be silence.
const LONGEST_HINT: Duration = Duration::from_mins(15);

/// The parts of an answer that decide.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// That was all of it.
    pub whole: bool,
}

/// What a person has to look at, in the words of one sink.
#[derive(Clone, Copy, Debug)]
pub struct Remedies {
    /// The address is wrong.
    pub address: &'static str,
    /// The credential is missing, wrong or revoked.
    pub credential: &'static str,
    /// The credential lacks a permission.
    pub permission: &'static str,
}

impl Reply {
    /// Reads at most `longest` bytes of the body; one that breaks off does not matter more than it says.
    pub(super) async fn read(mut response: Response, longest: usize) -> Self {
        let (mut body, mut whole) = (Vec::new(), false);
        while body.len() < longest {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => {
                    whole = true;
                    break;
                }
                Err(_) => break,
            }
        }
        body.truncate(longest);
        Self { status: response.status(), headers: response.headers().clone(), body, whole }
    }

    /// What HTTP itself says of an answer. Receivers differ in few of them, which they look at first.
    #[must_use]
    pub fn action(&self, remedies: Remedies, form: Form) -> Action {
        let reason = || self.reason();
        match self.status.as_u16() {
            200..=299 => Action::delivered(),
            300..=399 => slow(reason(), &format!("redirects are never followed{}: {}", self.redirected_to(), remedies.address)),
            401 | 407 => slow(reason(), remedies.credential),
            403 => slow(reason(), remedies.permission),
            413 if form == Form::Full => Action::Shorten { reason: reason() },
            400 | 413 | 422 => Action::Reject { reason: reason() },
            408 | 425 | 429 | 500..=599 => self.retry(),
            404 | 405 | 410 => slow(reason(), &format!("nothing takes alerts at this address: {}", remedies.address)),
            _ => slow(reason(), &format!("the answer is not one of this receiver: {}", remedies.address)),
        }
    }

    /// Something answered that is not the receiver: a web page is no answer of an API. With a 400 it is something in between that
    /// speaks, for example to plain http on an https port: the alert is not at fault.
    #[must_use]
    pub fn from_a_page(&self, remedies: Remedies) -> Option<Action> {
        let page = matches!(self.status.as_u16(), 200..=299 | 400) && self.is_html();
        page.then(|| slow(self.reason(), &format!("a web page answered, not the receiver: {}", remedies.address)))
    }

    /// Try again, when the receiver says so.
    #[must_use]
    pub fn retry(&self) -> Action {
        Action::Retry { reason: self.reason(), after: self.hint(SystemTime::now()).map(|hint| hint.min(LONGEST_HINT)) }
    }

    /// How long the receiver asks for patience. Its own clock counts, where it tells the time: ours may be wrong.
    pub(in crate::sink) fn hint(&self, now: SystemTime) -> Option<Duration> {
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

    /// Status and message.
    #[must_use]
    pub fn reason(&self) -> String {
        match self.message() {
            Some(message) => format!("answer {}: {message}", self.status),
            None => format!("answer {}", self.status),
        }
    }

    /// Status and the beginning of the body as it is, for whoever tries a sink.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let text = if self.is_html() { "(a web page)".into() } else { String::from_utf8_lossy(&self.body) };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().filter(|character| !character.is_control()).take(LONGEST_TEXT).collect();
        if text.is_empty() { format!("answer {}", self.status) } else { format!("answer {}: {text}", self.status) }
    }

    /// What the body says, fit for a log: its sender may be anyone.
    fn message(&self) -> Option<String> {
        let message = match serde_json::from_slice::<serde_json::Value>(&self.body) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(body) => MESSAGES.iter().find_map(|place| body.pointer(place)?.as_str())?.to_owned(),
            Err(_) if self.is_html() || self.body.trim_ascii_start().starts_with(b"{") => return None,
            Err(_) => String::from_utf8_lossy(&self.body).chars().take(LONGEST_TEXT).collect(),
        };
        let message: String = message.trim().chars().filter(|character| !character.is_control()).collect();
        (!message.is_empty()).then_some(message)
    }

    /// The host alone: the rest of a location may hold anything, our own address with its secrets included.
    pub(in crate::sink) fn redirected_to(&self) -> String {
        let host = self.text(&LOCATION).and_then(|location| Url::parse(location).ok());
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

pub(in crate::sink) fn slow(what: String, remedy: &str) -> Action {
    Action::SlowRetry { reason: what + "; " + remedy }
}

#[cfg(test)]
impl Reply {
    /// An answer that no network brought.
    pub(in crate::sink) fn test(status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header value"))).collect();
        let status = StatusCode::from_u16(status).expect("a status");
        Self { status, headers, body: body.as_bytes().to_vec(), whole: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_753_000_000);
    const REMEDIES: Remedies = Remedies { address: "check `url`", credential: "check `token`", permission: "allow it" };

    fn hint(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        Reply::test(429, headers, "").hint(SystemTime::UNIX_EPOCH + NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn each_status_has_its_action() {
        let action = |status, form| Reply::test(status, &[], "").action(REMEDIES, form);
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(action(status, Form::Full), Action::delivered(), "{status}");
        }
        for status in [300, 301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 406, 407, 409, 410, 415, 451] {
            assert!(matches!(action(status, Form::Full), Action::SlowRetry { .. }), "{status}");
        }
        for status in [408, 425, 429, 500, 501, 502, 503, 504, 599] {
            assert!(matches!(action(status, Form::Full), Action::Retry { after: None, .. }), "{status}");
        }
        for status in [400, 422] {
            assert!(matches!(action(status, Form::Full), Action::Reject { .. }), "{status}");
        }
        assert!(matches!(action(413, Form::Full), Action::Shorten { .. }));
        assert!(matches!(action(413, Form::Short), Action::Reject { .. }));
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
        let forever = Reply::test(429, &[("retry-after", "18446744073709551615")], "").retry();
        assert!(matches!(forever, Action::Retry { after: Some(LONGEST_HINT), .. }), "{forever:?}");
    }

    #[test]
    fn an_excerpt_is_the_beginning_of_the_body_as_it_is() {
        for (body, expected) in [
            ("{\"text\":\"Success\",\n  \"code\":0}", r#": {"text":"Success", "code":0}"#),
            ("ok\u{1b}[2J", ": ok[2J"),
            ("<html>not this</html>", ": (a web page)"),
            ("", ""),
        ] {
            assert_eq!(Reply::test(200, &[], body).excerpt(), format!("answer 200 OK{expected}"));
        }
        assert!(Reply::test(200, &[], &"\u{e9}".repeat(500)).excerpt().len() < 500, "it is short");
    }

    #[test]
    fn one_sentence_of_the_body_is_repeated_without_control_characters() {
        for (body, expected) in [
            (r#"{"error":{"code":400,"message":"bad\u001b[2J\nvalue","details":"hidden"}}"#, ": bad[2Jvalue"),
            (r#"{"error":{"type":"x","reason":"no index"},"status":400}"#, ": no index"),
            (r#"{"text":"Invalid data format","code":6}"#, ": Invalid data format"),
            (r#"{"error":"denied"}"#, ": denied"),
            (r#""bad request""#, ": bad request"),
            ("invalid_payload\n", ": invalid_payload"),
            (r#"{"error":{"message":"broken off"#, ""),
            ("<html>not this</html>", ""),
            ("", ""),
        ] {
            assert_eq!(Reply::test(400, &[], body).reason(), format!("answer 400 Bad Request{expected}"));
        }
    }
}
