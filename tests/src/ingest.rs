//! An ingest endpoint for Dynatrace security events, on loopback, over real TLS.
//!
//! A double, because a tenant cannot be had in a test: it takes what the published API takes and answers as that answers. What it
//! has accepted it writes to a record of its own, byte for byte, before it answers.

use std::{
    convert::Infallible,
    fs::{File, OpenOptions},
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::schema;

/// The path of the built-in endpoint.
const PATH: &str = "/platform/ingest/v1/security.events";
/// Request limit of the published API.
const MOST_BYTES: usize = 10_000_000;

/// A running endpoint; it ends when this is dropped.
pub struct Ingest {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// The authority that signed its certificate, as PEM.
    pub authority: String,
    /// The token it takes.
    pub token: String,
    record: PathBuf,
    server: JoinHandle<()>,
}

struct State {
    authorization: String,
    record: Mutex<File>,
}

impl Ingest {
    /// Listens on a free port of loopback. Accepted events go to `folder/accepted.jsonl`, one request body per line.
    pub async fn start(folder: &Path) -> Result<Self> {
        let record = folder.join("accepted.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&record).context("open the endpoint's record")?;
        // The public form of a classic token: prefix, 24 characters, 64 characters.
        let token = format!("dt0c01.{}.{}", "KONEYDEMOKONEYDEMOKONEYD", "S".repeat(64));
        let state = Arc::new(State { authorization: format!("Api-Token {token}"), record: Mutex::new(file) });
        let (tls, authority) = certificate()?;
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.context("listen on loopback")?;
        let url = format!("https://127.0.0.1:{}", listener.local_addr()?.port());
        let server = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), state));
        Ok(Self { url, authority, token, record, server })
    }

    /// The bodies of the accepted requests, read back from the endpoint's record.
    pub fn accepted(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.record).context("read the endpoint's record")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The accepted events, parsed.
    pub fn events(&self) -> Result<Vec<Value>> {
        self.accepted()?.iter().map(|body| serde_json::from_str(body).context("an accepted body is JSON")).collect()
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    while let Ok((stream, _peer)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            });
            // A client that goes away is none of the endpoint's business.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if request.uri().path() != PATH || request.method() != Method::POST {
        return refuse(StatusCode::NOT_FOUND, "no such endpoint");
    }
    if request.uri().query().is_some() {
        return refuse(StatusCode::BAD_REQUEST, "query parameters would override the event");
    }
    if header(header::AUTHORIZATION) != state.authorization {
        return refuse(StatusCode::UNAUTHORIZED, "token missing or invalid");
    }
    if header(header::CONTENT_TYPE) != "application/json" {
        return refuse(StatusCode::BAD_REQUEST, "content type");
    }
    let Ok(body) = request.into_body().collect().await.map(http_body_util::Collected::to_bytes) else {
        return refuse(StatusCode::BAD_REQUEST, "body missing");
    };
    if body.len() > MOST_BYTES {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "too large");
    }
    match accept(state, &body) {
        Ok(()) => respond(StatusCode::ACCEPTED, Bytes::new()),
        Err(problem) => refuse(StatusCode::BAD_REQUEST, &problem),
    }
}

fn accept(state: &State, body: &[u8]) -> Result<(), String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let events = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
    if let Some(problem) = events.iter().find_map(schema::problem) {
        return Err(problem);
    }
    if body.contains(&b'\n') {
        return Err("the record holds one body per line".to_owned());
    }
    let mut record = state.record.lock().unwrap_or_else(PoisonError::into_inner);
    record.write_all(&[body, b"\n"].concat()).map_err(|error| error.to_string())
}

fn refuse(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let error = serde_json::json!({"error": {"code": status.as_u16(), "message": message}});
    respond(status, Bytes::from(error.to_string()))
}

fn respond(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

/// A server certificate for 127.0.0.1 from an authority of its own.
fn certificate() -> Result<(ServerConfig, String)> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((tls, authority.pem()))
}
