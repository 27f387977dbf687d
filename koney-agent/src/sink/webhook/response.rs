//! What an answer of a web server means for the alert.

use crate::sink::http::{Remedies, Reply};
use crate::sink::{Action, Form};

const REMEDIES: Remedies = Remedies {
    address: "check `url`",
    credential: "the credential is missing, wrong or revoked: check the Secret",
    permission: "the receiver does not permit it: check the credential in the Secret, and who may send",
};

/// Any 2xx is success, and 410 asks to stop: what waits is kept until somebody has looked.
pub(super) fn action(reply: &Reply, form: Form) -> Action {
    reply.action(REMEDIES, form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_action() {
        let action = |status| action(&Reply::test(status, &[], "text"), Form::Full);
        for status in [200, 201, 202, 204] {
            assert_eq!(action(status), Action::delivered(), "{status}");
        }
        for status in [301, 302, 307, 401, 403, 404, 410, 415] {
            assert!(matches!(action(status), Action::SlowRetry { .. }), "{status}");
        }
        for status in [408, 429, 500, 503] {
            assert!(matches!(action(status), Action::Retry { .. }), "{status}");
        }
        assert_eq!(action(400), Action::Reject { reason: "answer 400 Bad Request: text".to_owned() });
        assert!(matches!(action(413), Action::Shorten { .. }));
    }
}
