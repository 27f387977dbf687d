//! What an answer of the bulk interface means, document by document: the whole may be 200 while some were refused.

use serde_json::Value;

use crate::sink::http::{Remedies, Reply, slow};
use crate::sink::{Action, Answer, Form};

const REMEDIES: Remedies = Remedies {
    address: "check `url`",
    credential: "the credential is missing, wrong or revoked: check `apiKey`, or `username` and `password`",
    permission: "the credential lacks the privilege `create_doc` for the index",
};

pub(super) fn answer(reply: &Reply, letters: usize, form: Form) -> Answer {
    if let Some(action) = reply.from_a_page(REMEDIES) {
        return action.into();
    }
    if !reply.status.is_success() {
        return reply.action(REMEDIES, form).into();
    }
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let items = body.as_ref().and_then(|body| body.get("items")?.as_array()).filter(|items| items.len() == letters);
    match items {
        Some(items) => Answer::Each(items.iter().map(item).collect()),
        // Sent again it is the same document, so nothing is lost and nothing is twice.
        None if !reply.whole => Action::Retry { reason: "the answer broke off".to_owned(), after: None }.into(),
        None => slow(reply.reason(), "the answer is not one of the bulk interface: check `url`").into(),
    }
}

fn item(item: &Value) -> Action {
    let result = item.get("create").unwrap_or(&Value::Null);
    let status = result.get("status").and_then(Value::as_u64).unwrap_or(0);
    let part = |name: &str| result.pointer(&format!("/error/{name}")).and_then(Value::as_str).unwrap_or_default();
    let text: String =
        format!("{} {}", part("type"), part("reason")).chars().filter(|character| !character.is_control()).collect();
    let reason = format!("answer {status} for this document: {}", text.trim());
    match status {
        // 409: it is there already, an earlier attempt came through and its answer did not.
        200..=299 | 409 => Action::delivered(),
        429 | 500..=599 => Action::Retry { reason, after: None },
        401 | 403 => {
            slow(reason, "see that the index takes documents, and that the credential has the privilege `create_doc` for it")
        }
        404 => slow(reason, "make the index or data stream, or let it be made: check `index`"),
        _ => Action::Reject { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str, letters: usize) -> Answer {
        super::answer(&Reply::test(status, &[], body), letters, Form::Full)
    }

    #[test]
    fn each_document_has_its_own_action() {
        let item = |status: u16| format!(r#"{{"create":{{"status":{status},"error":{{"type":"t","reason":"r\u001b"}}}}}}"#);
        let items: Vec<_> = [201, 409, 429, 503, 403, 404, 400].map(item).into();
        let body = format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(","));
        let Answer::Each(actions) = answer(200, &body, 7) else { panic!("each has its own") };
        assert_eq!(actions[..2], [Action::delivered(), Action::delivered()]);
        assert!(matches!(actions[2..4], [Action::Retry { .. }, Action::Retry { .. }]), "{actions:?}");
        assert!(matches!(actions[4..6], [Action::SlowRetry { .. }, Action::SlowRetry { .. }]), "{actions:?}");
        assert_eq!(actions[6], Action::Reject { reason: "answer 400 for this document: t r".to_owned() });
    }

    #[test]
    fn an_answer_that_says_nothing_of_them_is_no_success() {
        for body in ["", "{}", r#"{"items":[]}"#, "<html>"] {
            assert!(matches!(answer(200, body, 1), Answer::All(Action::SlowRetry { .. })), "{body}");
        }
        let broken = Reply { whole: false, ..Reply::test(200, &[], r#"{"items":["#) };
        assert!(matches!(super::answer(&broken, 1, Form::Full), Answer::All(Action::Retry { .. })));
    }

    #[test]
    fn each_status_of_the_whole_has_its_action() {
        for status in [302, 401, 403, 404] {
            assert!(matches!(answer(status, "", 1), Answer::All(Action::SlowRetry { .. })), "{status}");
        }
        for status in [429, 502, 503] {
            assert!(matches!(answer(status, "", 1), Answer::All(Action::Retry { .. })), "{status}");
        }
        assert!(matches!(answer(413, "", 1), Answer::All(Action::Shorten { .. })));
        assert!(matches!(answer(400, r#"{"error":{"reason":"x"}}"#, 1), Answer::All(Action::Reject { .. })));
    }
}
