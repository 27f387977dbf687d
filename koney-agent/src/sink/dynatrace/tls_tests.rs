//! Against a real TLS server on loopback whose certificate no system trusts.

use super::client_tests::{attempt, client, letters};
use crate::alert::samples;
use crate::sink::http::hostile::{self, Behaviour};
use crate::sink::{Action, Form, alone};

const TOKEN: &str = "dt0c01.PUBLIC.VERYSECRET";

/// Serves 202 for ever; gives its address and the root that vouches for it.
async fn server(name: &str) -> (String, String) {
    let server = hostile::serve(name, Behaviour::answer(202, "")).await;
    (server.url, server.root)
}

async fn send(url: &str, ca_bundle: &str) -> Action {
    attempt(&client(url, TOKEN, ca_bundle), &letters(&samples::in_pod()), Form::Full).await
}

#[tokio::test]
async fn a_root_of_the_bundle_is_trusted() {
    let (url, root) = server("localhost").await;
    assert_eq!(send(&url, &root).await, Action::delivered());
}

#[tokio::test]
async fn an_unknown_root_waits_for_a_person() {
    let (url, _) = server("localhost").await;
    let (_, other_root) = server("localhost").await;
    let action = send(&url, &other_root).await;
    assert!(
        matches!(&action, Action::SlowRetry { reason } if reason.contains("`caBundle`") && reason.contains("localhost")),
        "{action:?}"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (url, root) = server("elsewhere.example").await;
    let action = send(&url, &root).await;
    assert!(matches!(&action, Action::SlowRetry { reason } if reason.contains("localhost")), "{action:?}");
}

/// Runs the ignored test below in a process whose system has no root certificates; setting variables in this one is unsafe.
#[test]
fn a_system_without_roots_can_still_deliver() {
    let empty = tempfile::tempdir().expect("a directory");
    let file = empty.path().join("roots.pem");
    std::fs::write(&file, "").expect("an empty file");
    let variables = [("SSL_CERT_FILE", file.as_path()), ("SSL_CERT_DIR", empty.path())];
    alone::passes("sink::dynatrace::tls_tests::on_a_system_without_roots", &variables);
}

#[tokio::test]
#[ignore = "run by `a_system_without_roots_can_still_deliver`, which sets variables"]
async fn on_a_system_without_roots() {
    let (url, root) = server("localhost").await;
    assert_eq!(send(&url, &root).await, Action::delivered());
    let action = send(&url, "").await;
    assert!(matches!(&action, Action::SlowRetry { reason } if reason.contains("`ca-certificates`")), "{action:?}");
    // Nobody listens on port 1; what matters is that it came to a connection.
    let action = send("http://127.0.0.1:1", "").await;
    assert!(matches!(action, Action::Retry { .. }), "{action:?}");
}
