//! Against a real TLS server on loopback whose certificate no system trusts.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::client_tests::{client, letters};
use crate::alert::samples;
use crate::sink::{Action, Form, alone, install_crypto_provider};

const TOKEN: &str = "dt0c01.PUBLIC.VERYSECRET";

/// Serves 202 for ever; gives its address and the root that vouches for it.
async fn server(name: &str) -> (String, String) {
    install_crypto_provider();
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    let root = authority.self_signed(&authority_key).expect("a root").pem();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).expect("a certificate");
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a server configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"}") && matches!(stream.read_buf(&mut request).await, Ok(1..)) {}
            drop(stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await);
            drop(stream.shutdown().await);
        }
    });
    (format!("https://localhost:{port}"), root)
}

async fn send(url: &str, ca_bundle: &str) -> Action {
    client(url, TOKEN, ca_bundle).send(&letters(&samples::in_pod()), Form::Full).await
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
