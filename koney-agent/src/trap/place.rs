//! Where a trap's path is looked up, and whose trap it is.

use std::sync::Arc;

use crate::{event::Subject, kernel::Root, workload::ContainerRef};

/// The owner of a trap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The host itself.
    Host,
    /// A container.
    Container(Arc<ContainerPlace>),
}

/// A container that lives on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerPlace {
    /// Its runtime id, without the runtime's scheme.
    pub id: String,
    /// Its root directory, by a process that lives in it; `None` where none is known to.
    pub root: Option<Root>,
    /// Its pod has a runtime class, and none of its processes is to be seen: it runs in a sandbox (gVisor, Kata).
    pub sandboxed: bool,
    /// The runtime's word before `://` in the pod's status.
    pub runtime: String,
    /// Namespace of its pod.
    pub namespace: String,
    /// Name of its pod.
    pub pod: String,
    /// Its name in the pod.
    pub name: String,
    /// What a person would call the pod's workload: kind and name of its topmost owner.
    pub workload: Option<(String, String)>,
}

/// Where the process that touched a trap belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accessor<'a> {
    /// To the host, as far as its cgroup tells.
    Host,
    /// To the container of this id.
    Container(&'a str),
}

impl Place {
    /// Under which root directory its paths are looked up; `None` where nothing lives there.
    #[must_use]
    pub fn root(&self) -> Option<Root> {
        match self {
            Self::Host => Some(Root::Own),
            Self::Container(container) => container.root,
        }
    }

    /// The container's id; `None` for the host.
    #[must_use]
    pub fn container_id(&self) -> Option<&str> {
        match self {
            Self::Host => None,
            Self::Container(container) => Some(&container.id),
        }
    }

    /// The accessor belongs to it.
    #[must_use]
    pub fn is_of(&self, accessor: Accessor<'_>) -> bool {
        match (self, accessor) {
            (Self::Host, Accessor::Host) => true,
            (Self::Container(container), Accessor::Container(id)) => container.id == id,
            _ => false,
        }
    }
}

impl<'a> Accessor<'a> {
    /// Reads it off the process's cgroup, as the kernel recorded it.
    #[must_use]
    pub fn of(subject: &'a Subject) -> Self {
        let leaf = subject.cgroup_name.as_deref();
        let id = leaf.and_then(|leaf| ContainerRef::id_in_names(leaf, subject.cgroup_parent_name.as_deref()));
        id.map_or(Self::Host, Self::Container)
    }
}
