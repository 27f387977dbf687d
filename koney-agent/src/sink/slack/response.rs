//! What an answer of Slack means for the message ("Handling errors" of docs.slack.dev, incoming webhooks).

use crate::sink::http::{Remedies, Reply, slow};
use crate::sink::{Action, Form};

const REMEDIES: Remedies = Remedies {
    address: "make a new incoming webhook and store its address under `url`",
    credential: "make a new incoming webhook and store its address under `url`",
    permission: "the workspace does not permit it: ask who administrates it, or choose another channel",
};
/// What is wrong with the channel or the webhook, whatever the message.
const OF_PEOPLE: [&str; 9] = [
    "no_service",
    "no_service_id",
    "no_team",
    "team_disabled",
    "invalid_token",
    "action_prohibited",
    "channel_not_found",
    "channel_is_archived",
    "posting_to_general_channel_denied",
];

pub(super) fn action(reply: &Reply, form: Form) -> Action {
    if let Some(action) = reply.from_a_page(REMEDIES) {
        return action;
    }
    let text = String::from_utf8_lossy(&reply.body);
    let text = text.trim();
    match reply.status.as_u16() {
        200 if text == "ok" => Action::delivered(),
        200..=299 => Action::Delivered { remark: Some(format!("{}, where `ok` is documented", reply.reason())) },
        400 if OF_PEOPLE.contains(&text) => slow(reply.reason(), REMEDIES.address),
        _ => reply.action(REMEDIES, form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_action() {
        let action = |status, body| action(&Reply::test(status, &[("retry-after", "30")], body), Form::Full);
        assert_eq!(action(200, "ok"), Action::delivered());
        assert!(matches!(action(200, "other"), Action::Delivered { remark: Some(_) }));
        assert!(matches!(action(200, "<!DOCTYPE html>"), Action::SlowRetry { .. }));
        for (status, body) in
            [(400, "invalid_token"), (403, "action_prohibited"), (404, "no_service"), (410, "channel_is_archived"), (302, "")]
        {
            assert!(matches!(action(status, body), Action::SlowRetry { .. }), "{status} {body}");
        }
        for (status, body) in [(429, "rate_limited"), (500, "rollup_error"), (503, "")] {
            assert!(matches!(action(status, body), Action::Retry { after: Some(_), .. }), "{status} {body}");
        }
        assert_eq!(
            action(400, "invalid_payload"),
            Action::Reject { reason: "answer 400 Bad Request: invalid_payload".to_owned() }
        );
        assert!(matches!(action(413, ""), Action::Shorten { .. }));
    }
}
