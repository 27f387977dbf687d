//! Which addresses may be sent to.
//!
//! Whoever may write a resource or a Secret must not be able to make the agent talk to its own node, to the cloud's metadata service,
//! or to nobody in particular. Private networks are allowed: receivers are there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Names under which clouds and machines offer what is no receiver.
const METADATA_NAMES: [&str; 5] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];
/// Metadata services outside of the link-local network, or inside of it and never a receiver.
const METADATA_V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)];

/// An address that is not sent to. Final until the resource or the address changes; the operator acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Loopback or link-local.
    #[error("is an address of this node itself")]
    Local,
    /// The service that gives credentials to machines of a cloud.
    #[error("is a metadata service")]
    Metadata,
    /// Multicast, broadcast, unspecified or reserved.
    #[error("is no address of one receiver")]
    Nobody,
}

/// Whether an address may be sent to; `local` allows those of the node itself.
pub(in crate::sink) fn check(address: IpAddr, local: bool) -> Result<(), Refused> {
    let refused = match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => v4(inner),
            None => v6(address),
        },
    };
    match refused {
        Some(Refused::Local) if local => Ok(()),
        Some(refused) => Err(refused),
        None => Ok(()),
    }
}

/// The same for the host of a URL, as far as it can be told before its name is resolved. The URL has been through the parser, which
/// turns `2130706433`, `0x7f.1` and the like into what they mean.
pub(super) fn check_host(url: &Url, local: bool) -> Result<(), Refused> {
    let host = url.host_str().unwrap_or_default();
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
        return check(address, local);
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if METADATA_NAMES.contains(&name.as_str()) {
        return Err(Refused::Metadata);
    }
    let is_local = name == "localhost" || name.ends_with(".localhost");
    if is_local && !local { Err(Refused::Local) } else { Ok(()) }
}

/// Whether the URL's host is this machine, where no proxy can find it.
pub(super) fn is_local(url: &Url) -> bool {
    check_host(url, false) == Err(Refused::Local)
}

fn v4(address: Ipv4Addr) -> Option<Refused> {
    let [first, ..] = address.octets();
    if METADATA_V4.contains(&address) {
        Some(Refused::Metadata)
    } else if address.is_loopback() || address.is_link_local() {
        Some(Refused::Local)
    } else if first == 0 || first >= 224 {
        Some(Refused::Nobody)
    } else {
        None
    }
}

fn v6(address: Ipv6Addr) -> Option<Refused> {
    if METADATA_V6.contains(&address) {
        Some(Refused::Metadata)
    } else if address.is_loopback() || address.is_unicast_link_local() {
        Some(Refused::Local)
    } else if address.is_unspecified() || address.is_multicast() {
        Some(Refused::Nobody)
    } else {
        None
    }
}

/// The IPv4 address that a translated, mapped or compatible IPv6 address leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |address: Ipv6Addr| {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last(address)),
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}
