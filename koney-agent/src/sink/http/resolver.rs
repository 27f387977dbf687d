//! Names become addresses, and each address is looked at before anything is sent there: a name that meant a receiver yesterday may
//! mean the metadata service today.

use std::error::Error;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{self, Refused};

/// The system's resolver, guarded. Not asked for addresses that are written out, nor for those that a proxy resolves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded {
    pub(super) local: bool,
}

/// A name leads where nothing is sent. Final until it leads elsewhere or the resource allows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} resolves to {address}, which {refused}")]
pub(in crate::sink) struct Denied {
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) refused: Refused,
}

impl Denied {
    pub(in crate::sink) const fn refused(&self) -> Refused {
        self.refused
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let local = self.local;
        Box::pin(async move {
            let found = lookup(name.as_str(), 0, local).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name, none of which is refused.
pub(in crate::sink) async fn lookup(host: &str, port: u16, local: bool) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let found = tokio::net::lookup_host((host, port)).await?.collect();
    Ok(checked(host, found, local)?)
}

pub(super) fn checked(host: &str, found: Vec<SocketAddr>, local: bool) -> Result<Vec<SocketAddr>, Denied> {
    for address in &found {
        address::check(address.ip(), local).map_err(|refused| Denied { host: host.to_owned(), address: *address, refused })?;
    }
    Ok(found)
}
