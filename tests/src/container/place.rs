//! Where a trap is, and where an intruder stands.

use std::path::PathBuf;

/// The host, or a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The host itself.
    Host,
    /// A running container.
    Container(ContainerRef),
}

/// What one needs to know of a container from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRef {
    /// Its id: 64 hex digits.
    pub id: String,
    /// Its first process, in our own pid namespace.
    pub pid: u32,
    /// Its cgroup, as a path below the cgroup mount: `/kubepods.slice/…/cri-containerd-ID.scope`.
    pub cgroup: PathBuf,
    /// The folder on the host at which the runtime has mounted its overlay.
    pub merged: PathBuf,
}

impl Place {
    /// The container's id; `None` on the host.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Host => None,
            Self::Container(container) => Some(&container.id),
        }
    }
}
