//! The kubelet of the one node: its list of pods, for those who may read it.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result};
use hyper::{Method, StatusCode, header};
use serde_json::json;

use super::{NODE, path::Asked, store::Store};
use crate::{
    certificate::certificate,
    https::{Https, respond},
};

/// The certificate of whoever signed the kubelet's.
pub(super) const AUTHORITY: &str = "kubelet-ca.crt";
/// The token it takes.
pub(super) const TOKEN: &str = "kubelet-token";

/// A kubelet on loopback; it ends when this is dropped.
pub struct KubeletServer {
    server: Https,
    store: Store,
    asked: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
}

impl KubeletServer {
    /// Listens on a free port; what a client needs is in `folder`.
    pub async fn start(folder: &Path, store: Store) -> Result<Self> {
        let (tls, authority) = certificate()?;
        fs::write(folder.join(AUTHORITY), authority).context("write the kubelet's authority")?;
        fs::write(folder.join(TOKEN), TOKEN).context("write the kubelet's token")?;
        let server = Https::absent(tls).await?;
        let mut kubelet = Self { server, store, asked: Arc::default(), closed: Arc::default() };
        kubelet.appear().await?;
        Ok(kubelet)
    }

    /// Begins to listen again.
    pub async fn appear(&mut self) -> Result<()> {
        let (store, asked, closed) = (self.store.clone(), Arc::clone(&self.asked), Arc::clone(&self.closed));
        self.server
            .appear(move |request| {
                let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let known = authorization == Some(&format!("Bearer {TOKEN}"));
                let is_pods = request.method() == Method::GET && request.uri().path() == "/pods";
                let (store, closed) = (store.clone(), closed.load(Ordering::Relaxed));
                asked.fetch_add(1, Ordering::Relaxed);
                async move {
                    match (known, is_pods) {
                        (false, _) => respond(StatusCode::UNAUTHORIZED, "Unauthorized"),
                        (true, _) if closed => respond(StatusCode::FORBIDDEN, "Forbidden"),
                        (true, false) => respond(StatusCode::NOT_FOUND, "404 page not found"),
                        (true, true) => respond(StatusCode::OK, pods(&store)),
                    }
                }
            })
            .await
    }

    /// Goes away.
    pub fn vanish(&mut self) {
        self.server.vanish();
    }

    /// Lets nobody read the pods, whoever asks; or lets them again.
    pub fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn pods(store: &Store) -> String {
    let all = Asked { api: "v1".to_owned(), resource: "pods".to_owned(), namespace: None, name: None, subresource: None };
    let (pods, _version) = store.list(&all, Some(NODE));
    json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods }).to_string()
}
