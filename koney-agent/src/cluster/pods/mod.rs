//! The pods of this node, as the kubelet or the API server tells them.
//!
//! In: `v1` `Pod` objects as JSON, from one of two sources. Out: [`Pods`], a snapshot that knows each container by its runtime id.
//! Never: which policy selects what.

mod changes;
mod kubelet;
mod listing;
mod owners;
mod pod;
mod read;
mod source;
mod watch;

pub use changes::Planted;
pub use kubelet::{KUBELET_PORT, Kubelet, KubeletConfig, KubeletError};
pub use pod::{ContainerKind, Pod, PodContainer, PodOwner, Pods, Workload};
pub use read::{PodError, read as read_pod};
pub use source::{Choice, SourceError};
pub use watch::{PodOptions, PodWatcher};
