//! What only a whole request shows: certificates of our own, proxies, and names that lead back here.

use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::hostile::{self, Authority, Behaviour};
use super::{Courier, Options};
use crate::alert::samples;
use crate::sink::credentials::Values;
use crate::sink::webhook::{Config, Webhook};
use crate::sink::{Action, Answer, Form, SinkId, alone};

async fn send(secret: &[(&str, &str)], options: Options) -> Action {
    let sink = SinkId::new("koney-system", "prod");
    let value = |key: &str| secret.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_bytes());
    let values = Values { sink: &sink, secret: "s", value: &value };
    let config = Config::new(&values, options).expect("a good Secret");
    match Courier::new(config).send(&[samples::letter(&Webhook::default(), &samples::in_pod())], Form::Full).await {
        Answer::All(action) => action,
        other @ Answer::Each(_) => panic!("one letter, {other:?}"),
    }
}

#[tokio::test]
async fn a_receiver_may_ask_who_we_are() {
    let authority = Authority::new();
    let server = hostile::serve_known(&authority, Behaviour::answer(204, "")).await;
    let (certificate, key) = authority.client();
    let options = Options { allow_http: false, allow_local: true };
    let mut secret = vec![("url", server.url.as_str()), ("caBundle", server.root.as_str())];
    // What it says of us may come before or after the connection is torn down.
    let action = send(&secret, options).await;
    assert!(matches!(action, Action::SlowRetry { .. } | Action::Retry { .. }), "{action:?}");
    assert_eq!(server.requests(), 0);
    secret.extend([("tls.crt", certificate.as_str()), ("tls.key", key.as_str())]);
    assert_eq!(send(&secret, options).await, Action::delivered());
}

/// The name is looked up at each connection, whatever it meant when the resource was written.
#[tokio::test]
async fn a_name_that_leads_to_this_node_is_not_connected_to() {
    let server = hostile::serve("localhost", Behaviour::answer(204, "")).await;
    // What the machine calls itself leads to loopback on most, and is no name that is refused as it is written.
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let own = tokio::net::lookup_host((name.as_str(), 0)).await.into_iter().flatten().any(|address| address.ip().is_loopback());
    let url = server.url.replace("localhost", if own { &name } else { "localhost." });
    if own {
        let action = send(&[("url", &url), ("caBundle", &server.root)], Options::default()).await;
        assert!(matches!(&action, Action::SlowRetry { reason } if reason.contains("`allowLocal: true`")), "{action:?}");
    }
    assert_eq!(server.requests(), 0);
}

/// Runs the ignored test below with a proxy in its environment; setting variables in this process is unsafe.
#[tokio::test]
async fn the_proxy_of_the_environment_is_used() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", proxy.local_addr().expect("an address"));
    let asked = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.windows(4).any(|four| four == b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.expect("a request"), 0);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.expect("it waits");
        String::from_utf8_lossy(&request).into_owned()
    });
    let test = tokio::task::spawn_blocking(move || {
        let variables = [("http_proxy", Path::new(&address)), ("no_proxy", Path::new(""))];
        alone::passes("sink::http::client_tests::behind_a_proxy", &variables);
    });
    let request = asked.await.expect("somebody asks");
    assert!(request.starts_with("POST http://receiver.example/hook HTTP/1.1\r\n"), "{request}");
    test.await.expect("it passes");
}

#[tokio::test]
#[ignore = "run by `the_proxy_of_the_environment_is_used`, which sets variables"]
async fn behind_a_proxy() {
    let options = Options { allow_http: true, allow_local: false };
    assert_eq!(send(&[("url", "http://receiver.example/hook")], options).await, Action::delivered());
}
