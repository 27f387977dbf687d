//! Receivers that misbehave, and what every sink makes of it.

use super::every::{SECRET, examples};
use super::http::hostile::{Behaviour, serve};
use super::{Action, Answer, Form};

/// What each sink makes of this behaviour.
async fn actions(name: &str, behaviour: Behaviour) -> Vec<(&'static str, Vec<Action>)> {
    let server = serve(name, behaviour).await;
    let mut all = Vec::new();
    for example in examples(&server.url, &server.root) {
        let before = server.requests();
        let batch = example.letters();
        let actions = match example.transport.attempt(&batch, Form::Full).await {
            Answer::All(action) => vec![action],
            Answer::Each(actions) => {
                assert_eq!(actions.len(), batch.len(), "{}", example.name);
                actions
            }
        };
        let text = format!("{actions:?}");
        assert!(!text.contains(SECRET) && !text.contains("VERYSECRET"), "{}: {text}", example.name);
        assert!(server.requests() <= before + 1, "{}: one attempt is one request", example.name);
        all.push((example.name, actions));
    }
    all
}

async fn all_are(name: &str, behaviour: Behaviour, expected: fn(&Action) -> bool) {
    for (sink, actions) in actions(name, behaviour.clone()).await {
        assert!(actions.iter().all(expected), "{sink}: {behaviour:?}: {actions:?}");
    }
}

fn is_retry(action: &Action) -> bool {
    matches!(action, Action::Retry { .. })
}

fn is_slow(action: &Action) -> bool {
    matches!(action, Action::SlowRetry { .. })
}

#[tokio::test]
async fn a_receiver_that_says_yes_is_believed() {
    for example in examples("https://receiver.example", "") {
        let (status, body) = example.success;
        let told = actions("localhost", Behaviour::answer(status, &body)).await;
        let (_, actions) = told.iter().find(|(name, _)| *name == example.name).expect("the same sinks");
        assert!(actions.iter().all(|action| *action == Action::delivered()), "{}: {actions:?}", example.name);
    }
}

#[tokio::test]
async fn every_status_has_its_action_with_every_sink() {
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: https://elsewhere.example/?t={SECRET}");
        all_are("localhost", Behaviour::with_header(status, &location, ""), is_slow).await;
    }
    for status in [401, 404, 405] {
        all_are("localhost", Behaviour::answer(status, SECRET), is_slow).await;
    }
    for status in [429, 502, 503, 504] {
        all_are(
            "localhost",
            Behaviour::with_header(status, "retry-after: 7", SECRET),
            |action| matches!(action, Action::Retry { after: Some(wait), .. } if wait.as_secs() == 7),
        )
        .await;
    }
    for status in [400, 413] {
        let refused = |action: &Action| matches!(action, Action::Split { .. } | Action::Reject { .. } | Action::Shorten { .. });
        all_are("localhost", Behaviour::answer(status, &format!("{{\"message\":\"{SECRET}\"}}")), refused).await;
    }
}

#[tokio::test]
async fn answers_that_never_were_are_tried_again() {
    all_are("localhost", Behaviour::Close, is_retry).await;
    all_are("localhost", Behaviour::HalfOfTheHead, is_retry).await;
    all_are("localhost", Behaviour::ResetInBody(503), is_retry).await;
}

/// The clock stands still while something happens, and jumps when nothing does.
#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_without_end() {
    all_are("localhost", Behaviour::Hang, is_retry).await;
    all_are("localhost", Behaviour::Drip(503), is_retry).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_waits_for_a_person() {
    all_are("elsewhere.example", Behaviour::answer(200, ""), |action| {
        matches!(action, Action::SlowRetry { reason } if reason.contains("certificate") && reason.contains("`caBundle`"))
    })
    .await;
}

#[test]
fn no_configuration_prints_its_secret() {
    for example in examples("https://receiver.example", "") {
        assert!(!example.printed.contains("VERYSECRET"), "{}", example.printed);
        assert!(example.printed.contains("receiver.example"), "{}", example.printed);
    }
}
