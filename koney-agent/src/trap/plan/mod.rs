//! Which containers get which traps: `match`, as Koney means it.
//!
//! Filters are joined by OR; inside a filter, namespaces AND labels. A decoy that is mounted is a Deployment's: the filter is held against
//! the labels of the Deployment, not of its pods. Every other decoy is a pod's.

mod labels;
#[cfg(test)]
mod plan_tests;

use crate::cluster::{
    DecoyStrategy, FileTrap, Filter, Policy,
    pods::{Pod, PodContainer, Pods},
};

/// A trap that a container of this node is to have.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// Whose trap.
    pub policy: &'a Policy,
    /// Which of its traps.
    pub trap: &'a FileTrap,
    /// The pod.
    pub pod: &'a Pod,
    /// The container.
    pub container: &'a PodContainer,
}

/// Every trap of every container.
pub fn plan<'a>(policies: &'a [Policy], pods: &'a Pods) -> impl Iterator<Item = Selected<'a>> {
    let watched =
        policies.iter().flat_map(|policy| policy.traps.iter().filter(|trap| trap.watched).map(move |trap| (policy, trap)));
    watched.flat_map(move |(policy, trap)| {
        pods.iter().flat_map(move |pod| {
            let containers = pod.containers.iter().filter(move |container| selects(trap, pod, container));
            containers.map(move |container| Selected { policy, trap, pod, container })
        })
    })
}

/// The trap is one of the container's.
#[must_use]
pub fn selects(trap: &FileTrap, pod: &Pod, container: &PodContainer) -> bool {
    trap.filters.iter().any(|filter| {
        is_in(filter, pod) && has_labels(filter, trap, pod, container) && filter.containers.matches(&container.name)
    })
}

/// It is not known yet whether some trap is one of the pod's.
#[must_use]
pub fn is_open(policies: &[Policy], pod: &Pod) -> bool {
    let mounted = |trap: &&FileTrap| trap.watched && trap.decoy == DecoyStrategy::VolumeMount;
    let traps = || policies.iter().flat_map(|policy| &policy.traps).filter(mounted);
    !pod.resolved && traps().any(|trap| trap.filters.iter().any(|filter| is_in(filter, pod)))
}

fn is_in(filter: &Filter, pod: &Pod) -> bool {
    filter.namespaces.is_empty() || filter.namespaces.contains(&pod.namespace)
}

fn has_labels(filter: &Filter, trap: &FileTrap, pod: &Pod, container: &PodContainer) -> bool {
    match (trap.decoy, pod.deployment()) {
        (DecoyStrategy::VolumeMount, Some(deployment)) => labels::match_all(&filter.labels, &deployment.labels),
        // Only Koney mounts such a volume, and only where it has found the Deployment to be selected.
        (DecoyStrategy::VolumeMount, None) => container.decoys.contains(&trap.file_path),
        (DecoyStrategy::ContainerExec | DecoyStrategy::KyvernoPolicy, _) => labels::match_all(&filter.labels, &pod.labels),
    }
}
