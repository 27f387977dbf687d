//! A server over TLS that misbehaves on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::sink::install_crypto_provider;

/// What becomes of every request.
#[derive(Clone, Debug)]
pub(in crate::sink) enum Behaviour {
    /// An answer, head and body as they are written.
    Answer(String),
    /// The connection is closed when the request was read.
    Close,
    /// No answer, ever.
    Hang,
    /// Half of the head, then the end.
    HalfOfTheHead,
    /// This status, and a body that breaks off.
    ResetInBody(u16),
    /// This status, and a body of a byte a second that does not end.
    Drip(u16),
}

/// Where it listens, and the root that vouches for it.
pub(in crate::sink) struct Hostile {
    pub(in crate::sink) url: String,
    pub(in crate::sink) root: String,
    requests: Arc<AtomicUsize>,
}

impl Behaviour {
    pub(in crate::sink) fn answer(status: u16, body: &str) -> Self {
        Self::with_header(status, "x-nothing: y", body)
    }

    pub(in crate::sink) fn with_header(status: u16, header: &str, body: &str) -> Self {
        let length = body.len();
        Self::Answer(format!("HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"))
    }
}

impl Hostile {
    pub(in crate::sink) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Serves for ever, with a certificate for this name; its address is that of localhost.
pub(in crate::sink) async fn serve(name: &str, behaviour: Behaviour) -> Hostile {
    serve_with(&Authority::new(), name, false, behaviour).await
}

/// The same for those alone who show a certificate of the authority.
pub(in crate::sink) async fn serve_known(authority: &Authority, behaviour: Behaviour) -> Hostile {
    serve_with(authority, "localhost", true, behaviour).await
}

async fn serve_with(authority: &Authority, name: &str, known: bool, behaviour: Behaviour) -> Hostile {
    let (config, root) = (authority.server(name, known), authority.root());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behaviour, counted) = (acceptor.clone(), behaviour.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                if read_request(&mut stream).await {
                    counted.fetch_add(1, Ordering::Relaxed);
                    // Whoever asked may have gone by then.
                    drop(misbehave(&mut stream, behaviour).await);
                }
            });
        }
    });
    Hostile { url: format!("https://localhost:{port}"), root, requests }
}

/// Who vouches for servers and clients.
pub(in crate::sink) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(in crate::sink) fn new() -> Self {
        install_crypto_provider();
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root"))
    }

    pub(in crate::sink) fn root(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key of a client, in PEM.
    pub(in crate::sink) fn client(&self) -> (String, String) {
        let (certificate, key) = self.signed("koney.example");
        (certificate.pem(), key.serialize_pem())
    }

    fn signed(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }

    fn server(&self, name: &str, known: bool) -> ServerConfig {
        let (certificate, key) = self.signed(name);
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let builder = if known {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
            ServerConfig::builder().with_client_cert_verifier(verifier)
        } else {
            ServerConfig::builder().with_no_client_auth()
        };
        builder.with_single_cert(vec![certificate.der().clone()], private).expect("a server configuration")
    }
}

/// The head and as many bytes as it announces.
async fn read_request(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut request = Vec::new();
    loop {
        if let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(request.get(..head).unwrap_or_default()).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if request.len() >= head + 4 + length.unwrap_or(0) {
                return true;
            }
        }
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return false;
        }
    }
}

async fn misbehave(stream: &mut TlsStream<TcpStream>, behaviour: Behaviour) -> std::io::Result<()> {
    match behaviour {
        Behaviour::Answer(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        }
        Behaviour::Close => stream.shutdown().await,
        Behaviour::Hang => std::future::pending().await,
        Behaviour::HalfOfTheHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await?;
            stream.shutdown().await
        }
        Behaviour::ResetInBody(status) => {
            stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 1000\r\n\r\n{{").as_bytes()).await?;
            stream.flush().await
        }
        Behaviour::Drip(status) => {
            stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 1000000\r\n\r\n").as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
