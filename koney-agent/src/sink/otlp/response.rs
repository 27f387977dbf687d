//! What an answer of an OTLP receiver means for the log records (`docs/specification.md` of opentelemetry-proto, "OTLP/HTTP Response").

use serde_json::Value;

use crate::sink::http::{Remedies, Reply, slow};
use crate::sink::{Action, Answer, Form};

const REMEDIES: Remedies = Remedies {
    address: "check `url`",
    credential: "the credential is missing, wrong or revoked: check the Secret",
    permission: "the receiver does not permit it: check the credential in the Secret, and what it may do",
};

pub(super) fn answer(reply: &Reply, letters: usize, form: Form) -> Answer {
    if let Some(action) = reply.from_a_page(REMEDIES) {
        return action.into();
    }
    match reply.status.as_u16() {
        200..=299 => taken(reply, letters),
        // Only these four may be tried again; with any other error of the server the records are refused for good. But whoever says
        // 500 has not looked at them: they are kept.
        429 | 502..=504 => reply.retry().into(),
        500..=599 => slow(reply.reason(), "the receiver has failed: see its log").into(),
        _ => reply.action(REMEDIES, form).into(),
    }
}

/// Records that were refused may not be sent again, and which ones they are is not told: where it may be any of them, all are kept
/// as dead letters with what the receiver said, and nothing is sent twice.
fn taken(reply: &Reply, letters: usize) -> Answer {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let partial = body.get("partialSuccess");
    let refused = partial.and_then(|partial| partial.get("rejectedLogRecords")).map_or(0, count);
    let message = partial.and_then(|partial| partial.get("errorMessage")).and_then(Value::as_str).unwrap_or_default();
    let message: String = message.chars().filter(|character| !character.is_control()).collect();
    if refused == 0 {
        let remark = (!message.is_empty()).then(|| format!("the receiver took it and says: {message}"));
        return Action::Delivered { remark }.into();
    }
    let which = if refused >= letters as u64 { String::new() } else { format!(", {refused} of {letters}, without saying which") };
    let reason = format!("the receiver refused it{which}: {message}");
    Answer::Each(vec![Action::Reject { reason }; letters])
}

/// 64-bit integers are text in JSON, and some write a number.
fn count(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        super::answer(&Reply::test(status, &[], body), 3, Form::Full)
    }

    #[test]
    fn each_status_has_its_action() {
        for body in ["", "{}", r#"{"partialSuccess":{}}"#, r#"{"partialSuccess":{"rejectedLogRecords":"0"}}"#] {
            assert_eq!(answer(200, body), Action::delivered().into(), "{body}");
        }
        for status in [429, 502, 503, 504] {
            assert!(matches!(answer(status, ""), Answer::All(Action::Retry { .. })), "{status}");
        }
        for status in [302, 401, 403, 404, 500, 501] {
            assert!(matches!(answer(status, ""), Answer::All(Action::SlowRetry { .. })), "{status}");
        }
        assert!(matches!(answer(400, ""), Answer::All(Action::Reject { .. })));
        assert!(matches!(answer(413, ""), Answer::All(Action::Shorten { .. })));
        assert!(matches!(answer(200, "<html>"), Answer::All(Action::SlowRetry { .. })));
    }

    #[test]
    fn what_was_refused_is_not_sent_again() {
        let Answer::Each(actions) = answer(200, r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too\nold"}}"#)
        else {
            panic!("each has its own")
        };
        let reason = "the receiver refused it, 1 of 3, without saying which: tooold".to_owned();
        assert_eq!(actions, vec![Action::Reject { reason }; 3]);
        let Answer::Each(actions) = answer(200, r#"{"partialSuccess":{"rejectedLogRecords":3}}"#) else { panic!("each") };
        assert_eq!(actions[0], Action::Reject { reason: "the receiver refused it: ".to_owned() });
        let told = answer(200, r#"{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"soon full"}}"#);
        assert!(matches!(told, Answer::All(Action::Delivered { remark: Some(_) })));
    }
}
