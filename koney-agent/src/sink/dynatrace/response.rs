//! What an answer of the endpoint means for the alert.

use crate::sink::http::{Remedies, Reply, slow};
use crate::sink::{Action, Form};

const REMEDIES: Remedies = Remedies {
    address: "check `apiUrl`",
    credential: "the token is missing, wrong or revoked: check `apiToken`",
    permission: "the token lacks a permission: an access token needs the scope `openpipeline.events_security`, \
                 a platform token `openpipeline:security.events:ingest`",
};

pub(super) fn action(reply: &Reply, form: Form) -> Action {
    if let Some(action) = reply.from_a_page(REMEDIES) {
        return action;
    }
    match reply.status.as_u16() {
        202 => Action::delivered(),
        200..=299 => Action::Delivered { remark: Some(format!("{}, where 202 Accepted is documented", reply.status)) },
        402 => slow(reply.reason(), "the licence of the environment is used up"),
        404 => slow(
            reply.reason(),
            "there is no such endpoint: check `apiUrl`, and that the environment is SaaS; Dynatrace Managed does not offer it",
        ),
        _ => reply.action(REMEDIES, form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Action {
        super::action(&Reply::test(status, headers, body), Form::Full)
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
        let too_large = Reply::test(413, &[], "");
        assert!(matches!(super::action(&too_large, Form::Full), Action::Shorten { .. }));
        assert!(matches!(super::action(&too_large, Form::Short), Action::Reject { .. }));
    }
}
