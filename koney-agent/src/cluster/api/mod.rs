//! The API server as the source of policies, sinks and Secrets.
//!
//! In: three watches, resumed with backoff for as long as it takes. Out: the same [`Snapshot`](super::Snapshot)s as those of a folder.
//! While the API server is away everything that was last known stays in force. One malformed object disables no other.

mod connect;
mod daemonset;
mod objects;
mod watch;

pub use connect::{ConnectError, connect};
pub use daemonset::OwnDaemonSet;
pub use watch::ApiWatcher;
#[cfg(test)]
pub(super) use watch::{cause, remedy};
