//! What becomes of the messages when a connection fails, or does not.

use std::error::Error;
use std::io;

use super::connection::ConnectError;
use crate::causes::chain;
use crate::sink::Action;
use crate::sink::http::{UNREACHABLE, refusal};

/// What a receiver says by closing its side.
pub(super) const READ: &str = "syslog has no answers; the receiver closed the connection after it had read everything";

pub(super) fn delivered(answered: bool) -> Action {
    let remark = "the receiver took it and did not close the connection; whether it has read everything is not known";
    Action::Delivered { remark: (!answered).then(|| remark.to_owned()) }
}

pub(super) fn late(host: &str) -> Action {
    Action::Retry { reason: format!("no answer of {host} in time; {UNREACHABLE}"), after: None }
}

pub(super) fn broken(host: &str, error: &io::Error) -> Action {
    of(host, error, "the connection broke off")
}

pub(super) fn connect(host: &str, error: &ConnectError) -> Action {
    match error {
        ConnectError::Refused(..) | ConnectError::NoRoots(_) | ConnectError::Client(_) => {
            Action::SlowRetry { reason: format!("no connection to {host}: {}", chain(error)) }
        }
        ConnectError::Lookup(cause) => of(host, &**cause, "no connection"),
        ConnectError::Io(cause) => of(host, cause, "no connection"),
        ConnectError::NoAddress(_) => Action::Retry { reason: format!("{}; {UNREACHABLE}", chain(error)), after: None },
    }
}

fn of(host: &str, error: &(dyn Error + 'static), what: &str) -> Action {
    match refusal(host, error) {
        Some(reason) => Action::SlowRetry { reason },
        None => Action::Retry { reason: format!("{what} to {host}: {}; {UNREACHABLE}", chain(error)), after: None },
    }
}

/// The catalogue's entries of what keeps a sink from connecting.
#[cfg(test)]
pub(in crate::sink) fn catalogue() -> Vec<crate::catalogue::Entry> {
    use crate::{
        catalogue::{REASON, Said, entries, os},
        sink::http::Refused,
    };
    let said = |error: &ConnectError| match connect("siem", error) {
        // It passes by itself, and the log says so beside it.
        Action::Retry { reason, .. } if !reason.contains("; ") => Said::apart(reason, "it is kept and tried again"),
        Action::Retry { reason, .. } | Action::SlowRetry { reason } => Said::whole(&reason),
        action => panic!("{action:?}"),
    };
    entries!(ConnectError, said;
        ConnectError::Refused(..) = ConnectError::Refused([127, 0, 0, 1].into(), Refused::Local), "127.0.0.1", "this node itself";
        ConnectError::NoAddress(_) = ConnectError::NoAddress("siem".to_owned()), "siem", "no address";
        ConnectError::NoRoots(_) = ConnectError::NoRoots(REASON.to_owned()), "siem", REASON;
        ConnectError::Client(_) = ConnectError::Client(rustls::Error::General(REASON.to_owned())), "siem", REASON;
        ConnectError::Lookup(_) = ConnectError::Lookup(REASON.into()), "siem", REASON;
        ConnectError::Io(_) = os().into(), "siem", REASON;
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_action() {
        assert_eq!(delivered(true), Action::delivered());
        assert!(matches!(delivered(false), Action::Delivered { remark: Some(_) }));
        let io = |kind: io::ErrorKind| ConnectError::Io(kind.into());
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::ConnectionReset, io::ErrorKind::TimedOut] {
            assert!(matches!(connect("h", &io(kind)), Action::Retry { .. }), "{kind}");
        }
        let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let action = connect("h", &ConnectError::Io(io::Error::other(certificate)));
        assert!(matches!(&action, Action::SlowRetry { reason } if reason.contains("`caBundle`")), "{action:?}");
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let action = broken("h", &io::Error::other(alert));
        assert!(matches!(&action, Action::SlowRetry { reason } if reason.contains("`tls.crt`")), "{action:?}");
        assert!(matches!(connect("h", &ConnectError::NoRoots(String::new())), Action::SlowRetry { .. }));
    }
}
