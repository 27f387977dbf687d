//! Every way to write an address that is not to be sent to.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::Resolve as _;

use super::address::{Refused, check, check_host};
use super::resolver::{Denied, Guarded};

fn host(text: &str, local: bool) -> Result<(), Refused> {
    check_host(&format!("https://{text}/x").parse().expect("a URL"), local)
}

#[test]
fn the_nodes_own_addresses_are_refused_unless_asked_for() {
    for text in [
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "localhost",
        "LOCALHOST.",
        "x.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.1.1",
        "[fe80::1]",
        "[::ffff:169.254.1.1]",
    ] {
        assert_eq!(host(text, false), Err(Refused::Local), "{text}");
        assert_eq!(host(text, true), Ok(()), "{text}");
    }
}

#[test]
fn metadata_services_and_nobody_are_always_refused() {
    for text in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata",
        "instance-data",
    ] {
        assert_eq!(host(text, true), Err(Refused::Metadata), "{text}");
    }
    for text in
        ["0.0.0.0", "0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "[::]", "[ff02::1]", "[::ffff:0:0]"]
    {
        assert_eq!(host(text, true), Err(Refused::Nobody), "{text}");
    }
}

#[test]
fn receivers_are_allowed() {
    for text in
        ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "[fd00::1]", "[2001:db8::1]", "8.8.8.8", "splunk", "a.example"]
    {
        assert_eq!(host(text, false), Ok(()), "{text}");
    }
}

#[tokio::test]
async fn what_a_name_resolves_to_is_checked_too() {
    let name = || "localhost".parse().expect("a name");
    let error = Guarded { local: false }.resolve(name()).await.map(|_| ()).expect_err("loopback");
    let denied = error.downcast_ref::<Denied>().expect("it says why");
    assert_eq!((denied.host.as_str(), denied.refused), ("localhost", Refused::Local));
    let addresses: Vec<SocketAddr> = Guarded { local: true }.resolve(name()).await.expect("addresses").collect();
    assert!(addresses.iter().all(|address| address.ip().is_loopback()) && !addresses.is_empty(), "{addresses:?}");
}

/// A name with a good address and a bad one is not sent to at all: which of them is used is not ours to choose.
#[test]
fn one_bad_address_spoils_a_name() {
    let good: IpAddr = "192.0.2.1".parse().expect("an address");
    let bad: IpAddr = "127.0.0.1".parse().expect("an address");
    let addresses = |all: &[IpAddr]| all.iter().map(|ip| SocketAddr::new(*ip, 0)).collect::<Vec<_>>();
    assert!(super::resolver::checked("x", addresses(&[good]), false).is_ok());
    assert!(super::resolver::checked("x", addresses(&[good, bad]), false).is_err());
    assert!(super::resolver::checked("x", addresses(&[good, bad]), true).is_ok());
    assert_eq!(check(bad, false), Err(Refused::Local));
}
