//! A receiver that notes when each request was there, whole.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
};
use rustls::server::NoServerSessionStorage;
use tokio::{sync::Notify, time::timeout};

use super::boot_ns;
use crate::{
    certificate::certificate,
    https::{Body, Https, respond},
    manifests::Sink,
};

/// What becomes of a connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It stays open for the next one.
    Kept,
    /// It is closed, and nothing of it can be resumed: the next request takes TCP's and TLS's whole handshakes.
    Closed,
    /// No request is ever answered.
    Hanging,
}

/// A request that was read to its end.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When its body was there ([`boot_ns`]).
    pub boot_ns: u64,
    /// Its body.
    pub body: Bytes,
}

/// A Dynatrace endpoint on loopback, over TLS, which accepts everything; it ends when this is dropped.
pub struct Arrivals {
    server: Https,
    authority: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    arrivals: Mutex<Vec<Arrival>>,
    arrived: Notify,
}

impl Arrivals {
    /// Listens on a free port.
    pub async fn start(connection: Connection) -> Result<Self> {
        let (mut tls, authority) = certificate()?;
        if connection == Connection::Closed {
            tls.session_storage = Arc::new(NoServerSessionStorage {});
            tls.send_tls13_tickets = 0;
        }
        let (mut server, state) = (Https::absent(tls).await?, Arc::<State>::default());
        let theirs = Arc::clone(&state);
        server
            .appear(move |request| {
                let state = Arc::clone(&theirs);
                async move { answer(&state, request, connection).await }
            })
            .await?;
        Ok(Self { server, authority, state })
    }

    /// A sink of this name for it.
    #[must_use]
    pub fn sink(&self, name: &str) -> Sink {
        Sink {
            name: name.to_owned(),
            severity: "HIGH".to_owned(),
            url: format!("https://{}", self.server.address),
            token: format!("dt0c01.{}.{}", "KONEYBENCHKONEYBENCHKONE", "S".repeat(64)),
            authority: self.authority.clone(),
        }
    }

    /// All connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Waits until `done` says so of the requests that have come since [`Self::clear`].
    pub async fn wait<T>(&self, patience: Duration, mut done: impl FnMut(&[Arrival]) -> Option<T>) -> Result<T> {
        let wait = async {
            loop {
                let arrived = self.state.arrived.notified();
                if let Some(found) = done(&self.state.lock()) {
                    return found;
                }
                arrived.await;
            }
        };
        timeout(patience, wait).await.with_context(|| format!("it has not arrived within {} s", patience.as_secs()))
    }

    /// The requests so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Arrival> {
        self.state.lock().clone()
    }

    /// Forgets what has come.
    pub fn clear(&self) {
        self.state.lock().clear();
    }
}

impl Arrival {
    /// It tells of this text.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(state: &State, request: Request<Incoming>, connection: Connection) -> Response<Body> {
    let Ok(body) = request.into_body().collect().await else { return respond(StatusCode::BAD_REQUEST, "body missing") };
    let arrival = Arrival { boot_ns: boot_ns(), body: body.to_bytes() };
    state.lock().push(arrival);
    state.arrived.notify_one();
    let mut response = respond(StatusCode::ACCEPTED, Bytes::new());
    match connection {
        Connection::Kept => {}
        Connection::Closed => {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Connection::Hanging => std::future::pending().await,
    }
    response
}
