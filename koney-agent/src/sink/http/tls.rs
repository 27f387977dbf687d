//! Whom a sink trusts, and as whom it shows itself.

use std::fmt;

use reqwest::{Certificate, Identity};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::sink::ConfigError;
use crate::sink::credentials::Values;

/// Key of the Secret that holds further root certificates, in PEM.
const KEY_CA_BUNDLE: &str = "caBundle";
/// Keys of a client certificate with its chain, and of its private key, in PEM, as in Secrets of the type `kubernetes.io/tls`.
const KEY_CERTIFICATE: &str = "tls.crt";
const KEY_PRIVATE_KEY: &str = "tls.key";

/// Checked certificates and keys.
#[derive(Clone, Default)]
pub struct Tls {
    roots: Vec<CertificateDer<'static>>,
    /// Key and certificates, one PEM text after the other.
    client: Option<SecretSlice<u8>>,
}

impl Tls {
    /// Reads `caBundle`, `tls.crt` and `tls.key`, which may all be absent.
    pub fn read(values: &Values<'_>) -> Result<Self, ConfigError> {
        let roots = match values.bytes(KEY_CA_BUNDLE) {
            Some(pem) => certificates(pem).map_err(|problem| values.invalid(KEY_CA_BUNDLE, &problem))?,
            None => Vec::new(),
        };
        let client = match (values.bytes(KEY_CERTIFICATE), values.bytes(KEY_PRIVATE_KEY)) {
            (Some(chain), Some(key)) => Some(client(values, chain, key)?),
            (Some(_), None) => return Err(values.missing(KEY_PRIVATE_KEY)),
            (None, Some(_)) => return Err(values.missing(KEY_CERTIFICATE)),
            (None, None) => None,
        };
        Ok(Self { roots, client })
    }

    pub(super) fn root_certificates(&self) -> Vec<Certificate> {
        self.roots.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
    }

    pub(super) fn identity(&self) -> Option<Identity> {
        Identity::from_pem(self.client.as_ref()?.expose_secret()).ok()
    }

    /// Further roots.
    pub(in crate::sink) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// Certificates and key for a connection that is no HTTP.
    pub(in crate::sink) fn client_auth(&self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let pem = self.client.as_ref()?.expose_secret();
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
        Some((chain, PrivateKeyDer::from_pem_slice(pem).ok()?))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { roots, client } = self;
        formatter.debug_struct("Tls").field("roots", &roots.len()).field("client_certificate", &client.is_some()).finish()
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        let exposed = |tls: &Self| tls.client.as_ref().map(|pem| pem.expose_secret().to_vec());
        self.roots == other.roots && exposed(self) == exposed(other)
    }
}

impl Eq for Tls {}

fn client(values: &Values<'_>, chain: &[u8], key: &[u8]) -> Result<SecretSlice<u8>, ConfigError> {
    certificates(chain).map_err(|problem| values.invalid(KEY_CERTIFICATE, &problem))?;
    let pem: SecretSlice<u8> = [key, b"\n", chain].concat().into();
    // The parser's text could carry part of the key.
    if PrivateKeyDer::from_pem_slice(key).is_err() || Identity::from_pem(pem.expose_secret()).is_err() {
        let problem = "it is no private key in PEM; store the one that belongs to `tls.crt`";
        return Err(values.invalid(KEY_PRIVATE_KEY, &problem));
    }
    Ok(pem)
}

/// Reads certificates that can be roots.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let remedy = "store one or more certificates in PEM, each between BEGIN CERTIFICATE and END CERTIFICATE";
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("it is not PEM ({error}); {remedy}"))?;
    if certificates.is_empty() {
        return Err(format!("it holds no certificate; {remedy}"));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| format!("a certificate in it cannot be read ({error}); {remedy}"))?;
    }
    Ok(certificates)
}
