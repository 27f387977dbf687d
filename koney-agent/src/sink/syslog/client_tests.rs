//! Against receivers on loopback, which behave or do not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Client, Config, Message, Options};
use crate::alert::samples;
use crate::sink::credentials::Values;
use crate::sink::http::hostile::{self, Behaviour};
use crate::sink::{Action, Answer, Form, Letter, SinkId, Transport as _};

fn client(address: &str, root: &str, allow_plain: bool) -> Client {
    let sink = SinkId::new("koney-system", "prod");
    let value = |key: &str| match key {
        "address" => Some(address.as_bytes()),
        "caBundle" => Some(root.as_bytes()),
        _ => None,
    };
    let values = Values { sink: &sink, secret: "s", value: &value };
    Client::new(Config::new(&values, Options { allow_plain, allow_local: true }).expect("a good Secret"))
}

fn letters() -> Vec<Letter> {
    (1..=3).map(|number| samples::letter(&Message::default(), &samples::numbered(number))).collect()
}

async fn attempt(client: &Client) -> Action {
    match client.attempt(&letters(), Form::Full).await {
        Answer::All(action) => action,
        other @ Answer::Each(_) => panic!("all of them or none, not {other:?}"),
    }
}

#[tokio::test]
async fn what_arrives_is_all_of_the_frames() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("text");
        text
    });
    assert_eq!(attempt(&client(&address, "", true)).await, Action::delivered());
    let mut text = receiver.await.expect("the receiver ends");
    for letter in letters() {
        let frame = format!("{} {}", letter.body.len(), String::from_utf8(letter.body).expect("UTF-8"));
        text = text.strip_prefix(&frame).unwrap_or_else(|| panic!("{frame} in {text}")).to_owned();
    }
    assert_eq!(text, "");
}

#[tokio::test]
async fn with_tls_the_certificate_has_to_be_right() {
    let server = hostile::serve("localhost", Behaviour::Close).await;
    let address = server.url.replace("https://", "");
    let stranger = hostile::serve("localhost", Behaviour::Close).await;
    let action = attempt(&client(&address, &stranger.root, false)).await;
    assert!(matches!(&action, Action::SlowRetry { reason } if reason.contains("`caBundle`")), "{action:?}");
    let elsewhere = hostile::serve("elsewhere.example", Behaviour::Close).await;
    let action = attempt(&client(&elsewhere.url.replace("https://", ""), &elsewhere.root, false)).await;
    assert!(matches!(&action, Action::SlowRetry { reason } if reason.contains("localhost")), "{action:?}");
    // It waits for a request of HTTP, reads to the end of what comes, and goes.
    assert_eq!(attempt(&client(&address, &server.root, false)).await, Action::delivered());
}

#[tokio::test]
async fn who_is_not_there_or_resets_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let receiver = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        // What was sent is still unread: closing resets.
        stream.readable().await.expect("bytes");
        drop(stream);
    });
    for _ in 0..2 {
        let action = attempt(&client(&address, "", true)).await;
        assert!(matches!(action, Action::Retry { .. }), "{action:?}");
    }
    receiver.await.expect("the receiver ends");
}

#[tokio::test(start_paused = true)]
async fn who_neither_answers_nor_closes_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"hello").await.expect("it is taken");
        std::future::pending::<()>().await;
    });
    // Over plain TCP the messages are on their way; over TLS there is no connection yet.
    assert!(matches!(attempt(&client(&address, "", true)).await, Action::Delivered { remark: Some(_) } | Action::Retry { .. }));
    silent.abort();
}
