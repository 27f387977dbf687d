//! Connections over HTTP, whatever they come through: so many at a time, each for so long, one question each.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::debug;

/// Between two attempts to take a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What whoever asks may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at a time; one more is closed at once.
    pub(super) connections: usize,
    /// The longest that one lasts.
    pub(super) patience: Duration,
}

/// Where connections come from.
pub(super) trait Listen: Send {
    /// One of them.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next one.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listen for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Answers for ever.
pub(super) async fn serve<A>(
    limits: Limits,
    listener: impl Listen,
    answer: impl Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
) where
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(limits.connections));
    loop {
        match listener.next().await {
            Ok(stream) => {
                let Ok(permit) = Arc::clone(&free).try_acquire_owned() else { continue };
                let answer = answer.clone();
                tokio::spawn(async move {
                    let _permit = permit;
                    if timeout(limits.patience, connection(stream, limits.patience, answer)).await.is_err() {
                        debug!("somebody took too long to ask");
                    }
                });
            }
            Err(error) => {
                debug!(%error, "a connection cannot be taken");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection<S, A>(stream: S, patience: Duration, answer: impl Fn(Request<Incoming>) -> A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Future<Output = Response<Full<Bytes>>>,
{
    let answer = service_fn(|request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(patience).keep_alive(false).max_headers(64);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
        debug!(%error, "an answer could not be given");
    }
}
