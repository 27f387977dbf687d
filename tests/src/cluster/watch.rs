//! A watch: one JSON object a line, for as long as it lasts.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{Response, body::Frame};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    path::Asked,
    store::{Store, refusal},
};
use crate::https::Body;

/// Between two bookmarks.
const BOOKMARK: Duration = Duration::from_millis(500);

/// What a watch asks for.
pub(super) struct Watch {
    pub(super) asked: Asked,
    pub(super) node: Option<String>,
    pub(super) version: u64,
    pub(super) bookmarks: bool,
    pub(super) timeout: Duration,
    /// The kind of what is watched, for a bookmark.
    pub(super) kind: String,
}

type Lines = mpsc::Sender<Result<Frame<Bytes>, Infallible>>;

/// The answer to a watch, which goes on after it has begun. It ends with the connection, with its time, or when `over` does.
pub(super) fn answer(store: Store, watch: Watch, mut over: tokio::sync::watch::Receiver<u64>) -> Response<Body> {
    let (lines, mut receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let timeout = watch.timeout;
        tokio::select! {
            () = tell(&store, watch, &lines) => {}
            () = tokio::time::sleep(timeout) => {}
            _ = over.changed() => {}
        }
    });
    Response::new(StreamBody::new(stream::poll_fn(move |context| receiver.poll_recv(context))).boxed_unsync())
}

/// A line that is no event, or only the beginning of one.
pub(super) fn broken() -> Response<Body> {
    let (lines, mut receiver) = mpsc::channel(1);
    // There is room for it.
    drop(lines.try_send(Ok(Frame::data(Bytes::from_static(b"{\"type\":\"ADDED\",\"obj")))));
    Response::new(StreamBody::new(stream::poll_fn(move |context| receiver.poll_recv(context))).boxed_unsync())
}

async fn tell(store: &Store, watch: Watch, lines: &Lines) {
    let mut versions = store.versions();
    let mut told = watch.version;
    loop {
        let now = *versions.borrow_and_update();
        let Some(changes) = store.since(told, &watch.asked, watch.node.as_deref()) else {
            let gone = refusal(410, "Expired", "too old resource version");
            say(lines, &json!({ "type": "ERROR", "object": gone })).await;
            return;
        };
        for change in changes {
            if !say(lines, &json!({ "type": change.kind, "object": change.object })).await {
                return;
            }
        }
        told = now;
        let bookmark = tokio::time::timeout(BOOKMARK, versions.changed()).await.is_err();
        if bookmark && watch.bookmarks {
            let object = json!({
                "apiVersion": watch.asked.api, "kind": watch.kind, "metadata": { "resourceVersion": told.to_string() },
            });
            if !say(lines, &json!({ "type": "BOOKMARK", "object": object })).await {
                return;
            }
        }
    }
}

async fn say(lines: &Lines, event: &Value) -> bool {
    lines.send(Ok(Frame::data(Bytes::from(format!("{event}\n"))))).await.is_ok()
}
