//! What an answer of the collector means for the events ("Troubleshoot HTTP Event Collector" in Splunk's documentation).

use serde_json::Value;

use crate::sink::http::{Remedies, Reply, slow};
use crate::sink::{Action, Form};

const REMEDIES: Remedies = Remedies {
    address: "check `url`; the collector listens on a port of its own, usually 8088",
    credential: "the token is missing, wrong or disabled: check `token`",
    permission: "the token is not known: check `token`",
};
/// Codes of what a person has to mend: the token, its indexes, acknowledgements that it asks for, a collector that is switched off.
const CODES_OF_PEOPLE: [u64; 8] = [1, 2, 3, 4, 7, 10, 11, 14];
/// Codes of a server that is busy or going down.
const CODES_OF_TIME: [u64; 7] = [8, 9, 18, 19, 20, 23, 24];

pub(super) fn action(reply: &Reply, form: Form) -> Action {
    if let Some(action) = reply.from_a_page(REMEDIES) {
        return action;
    }
    let code = serde_json::from_slice::<Value>(&reply.body).ok().and_then(|body| body.get("code")?.as_u64());
    match (reply.status.as_u16(), code) {
        (200, Some(0)) => Action::delivered(),
        (_, Some(code)) if CODES_OF_PEOPLE.contains(&code) => {
            slow(reply.reason(), "check `token`, the indexes that it may write to, and that it asks for no acknowledgements")
        }
        (_, Some(code)) if CODES_OF_TIME.contains(&code) => reply.retry(),
        (200, None) => Action::Delivered { remark: Some("an answer without a code, where 0 is documented".to_owned()) },
        (200..=299, _) => Action::Reject { reason: reply.reason() },
        _ => reply.action(REMEDIES, form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(status: u16, body: &str) -> Action {
        super::action(&Reply::test(status, &[], body), Form::Full)
    }

    #[test]
    fn each_code_has_its_action() {
        assert_eq!(action(200, r#"{"text":"Success","code":0}"#), Action::delivered());
        for (status, code) in [(403, 1), (401, 2), (401, 3), (403, 4), (400, 7), (400, 10), (400, 11), (400, 14)] {
            let answer = action(status, &format!(r#"{{"text":"x","code":{code}}}"#));
            assert!(matches!(answer, Action::SlowRetry { .. }), "{code}: {answer:?}");
        }
        for (status, code) in [(500, 8), (503, 9), (503, 18), (503, 20), (503, 23)] {
            let answer = action(status, &format!(r#"{{"text":"Server is busy","code":{code}}}"#));
            assert!(matches!(answer, Action::Retry { .. }), "{code}: {answer:?}");
        }
        for code in [5, 6, 12, 13, 15] {
            let answer = action(400, &format!(r#"{{"text":"Invalid data format","code":{code},"invalid-event-number":1}}"#));
            assert_eq!(answer, Action::Reject { reason: "answer 400 Bad Request: Invalid data format".to_owned() });
        }
    }

    #[test]
    fn without_a_code_the_status_decides() {
        assert!(matches!(action(200, ""), Action::Delivered { remark: Some(_) }));
        for status in [302, 401, 403, 404] {
            assert!(matches!(action(status, ""), Action::SlowRetry { .. }), "{status}");
        }
        for status in [429, 500, 503] {
            assert!(matches!(action(status, ""), Action::Retry { .. }), "{status}");
        }
        assert!(matches!(action(200, "<html>"), Action::SlowRetry { .. }));
        assert!(matches!(action(413, ""), Action::Shorten { .. }));
    }
}
