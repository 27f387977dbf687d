//! What an answer of Alertmanager means for the alerts (`api/v2/openapi.yaml` of github.com/prometheus/alertmanager).

use crate::sink::http::{Remedies, Reply};
use crate::sink::{Action, Form};

const REMEDIES: Remedies = Remedies {
    address: "check `url`, and that Alertmanager has version 0.16 or newer",
    credential: "the credential is missing, wrong or revoked: check the Secret",
    permission: "what is in front of Alertmanager does not permit it: check the credential in the Secret",
};

pub(super) fn action(reply: &Reply, form: Form) -> Action {
    reply.from_a_page(REMEDIES).unwrap_or_else(|| reply.action(REMEDIES, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_action() {
        let action = |status, body| action(&Reply::test(status, &[], body), Form::Full);
        assert_eq!(action(200, ""), Action::delivered());
        assert_eq!(action(400, r#""bad labels""#), Action::Reject { reason: "answer 400 Bad Request: bad labels".to_owned() });
        assert!(matches!(action(200, "<html>"), Action::SlowRetry { .. }));
        for status in [302, 401, 403, 404] {
            assert!(matches!(action(status, ""), Action::SlowRetry { .. }), "{status}");
        }
        for status in [429, 500, 503] {
            assert!(matches!(action(status, ""), Action::Retry { .. }), "{status}");
        }
    }
}
