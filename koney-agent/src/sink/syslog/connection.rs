//! A connection to the receiver, with TLS 1.2 or newer or, where the resource asks for that, without.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Config;
use crate::sink::http::{Refused, Tls, check_address, lookup};
use crate::sink::install_crypto_provider;

/// What bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Why there is none. Most pass by themselves; [`super::response`] knows which do not.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(
        "nothing is sent to {0}, which {1}; name another address, or set `spec.syslog.allowLocal: true` if it is this node's and meant"
    )]
    Refused(IpAddr, Refused),
    #[error("{0} has no address; check the name, and the DNS that this node asks")]
    NoAddress(String),
    #[error("no root certificate can be read: {0}; install the package `ca-certificates`, or add them under the key `caBundle`")]
    NoRoots(String),
    #[error("the client certificate and its key cannot be used: {0}; check the keys `tls.crt` and `tls.key`")]
    Client(rustls::Error),
    #[error("{0}")]
    Lookup(#[source] Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Connects to the first address that answers.
pub(super) async fn connect(config: &Config) -> Result<Box<dyn Stream>, ConnectError> {
    let stream = tcp(config).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &config.tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(config.host.clone()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(client(tls)?));
    Ok(Box::new(connector.connect(name, stream).await?))
}

async fn tcp(config: &Config) -> Result<TcpStream, ConnectError> {
    let addresses = match config.host.parse::<IpAddr>() {
        Ok(address) => {
            check_address(address, config.allow_local).map_err(|refused| ConnectError::Refused(address, refused))?;
            vec![(address, config.port).into()]
        }
        Err(_) => lookup(&config.host, config.port, config.allow_local).await.map_err(ConnectError::Lookup)?,
    };
    let mut last = ConnectError::NoAddress(config.host.clone());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

fn client(tls: &Tls) -> Result<ClientConfig, ConnectError> {
    install_crypto_provider();
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(tls.roots().iter().cloned());
    if roots.is_empty() {
        let causes: Vec<_> = system.errors.iter().map(ToString::to_string).collect();
        return Err(ConnectError::NoRoots(causes.join(", ")));
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    match tls.client_auth() {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(ConnectError::Client),
        None => Ok(builder.with_no_client_auth()),
    }
}
