//! A server for HTTP over TLS on loopback: what the doubles have in common.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

/// An answer's body: whole, or as it comes.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An address, and who answers there.
pub(crate) struct Https {
    /// Where it is found.
    pub(crate) address: SocketAddr,
    listens: SocketAddr,
    acceptor: TlsAcceptor,
    connections: Arc<AtomicUsize>,
    server: Option<JoinHandle<()>>,
}

impl Https {
    /// A free port of loopback, where nobody listens yet.
    pub(crate) async fn absent(tls: ServerConfig) -> Result<Self> {
        Self::absent_at(Ipv4Addr::LOCALHOST.into(), tls).await
    }

    /// The same at another address of this machine, or one that leads to it.
    pub(crate) async fn absent_at(address: IpAddr, tls: ServerConfig) -> Result<Self> {
        // A port that was free a moment ago; asking for it again gives it again.
        let own = TcpListener::bind(SocketAddr::new(address, 0)).await;
        let listener = match own {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                TcpListener::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)).await?
            }
            own => own?,
        };
        let listens = listener.local_addr()?;
        let address = SocketAddr::new(address, listens.port());
        Ok(Self { address, listens, acceptor: TlsAcceptor::from(Arc::new(tls)), connections: Arc::default(), server: None })
    }

    /// Begins to listen.
    pub(crate) async fn appear<F>(
        &mut self,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Result<()>
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind(self.listens).await.with_context(|| format!("listen on {}", self.listens))?;
        self.server = Some(tokio::spawn(serve(listener, self.acceptor.clone(), Arc::clone(&self.connections), answer)));
        Ok(())
    }

    /// All connections so far, also those that never became a request.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Goes away with all its connections.
    pub(crate) fn vanish(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        self.vanish();
    }
}

/// A whole body.
pub(crate) fn respond(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status;
    response
}

async fn serve<F>(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    count: Arc<AtomicUsize>,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    // They end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        count.fetch_add(1, Ordering::Relaxed);
        let (acceptor, answer) = (acceptor.clone(), answer.clone());
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            // A client that goes away is none of the server's business.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}
