//! Which containers of this node have which traps, and in which process's root directory each is looked up.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    cluster::{
        DecoyStrategy, Policy, Snapshot,
        pods::{Pod, PodContainer, Pods},
    },
    kernel::Root,
    trap::{
        ContainerPlace, Place, Possible, Surroundings, Wanted,
        plan::{is_open, plan},
    },
    workload::{Inhabitant, inhabitants},
};

/// Follows the containers' processes.
#[derive(Default)]
pub(super) struct Containers {
    alive: HashMap<String, Inhabitant>,
    /// Whose processes were looked for, whether or not there were any.
    looked: HashSet<String>,
    planned: Option<Planned>,
}

/// Of what the last plan was made.
struct Planned {
    snapshot: Arc<Snapshot>,
    pods: Option<Arc<Pods>>,
    /// The containers that are to have traps.
    ids: BTreeSet<String>,
}

impl Containers {
    /// What is wanted of this node's containers, and what is known of them; `None` if that is what it was the last time: with hundreds of traps
    /// it is not made anew every few seconds for nothing. Without pods, nothing is known of any container.
    pub(super) fn follow(&mut self, snapshot: &Arc<Snapshot>, pods: Option<&Arc<Pods>>) -> Option<(Vec<Wanted>, Surroundings)> {
        let told_before = self.planned.take().filter(|planned| {
            let same_pods = planned.pods.as_ref().map(Arc::as_ptr) == pods.map(Arc::as_ptr);
            same_pods && Arc::ptr_eq(&planned.snapshot, snapshot)
        });
        let told_anew = told_before.is_none();
        let planned = told_before.unwrap_or_else(|| {
            let selected = pods.into_iter().flat_map(|pods| plan(&snapshot.policies, pods));
            let ids = selected.flat_map(|selected| ids(selected.container)).map(str::to_owned).collect();
            Planned { snapshot: Arc::clone(snapshot), pods: pods.cloned(), ids }
        });
        let moved = self.look(&planned.ids);
        self.planned = Some(planned);
        (told_anew || moved).then(|| self.plan(&snapshot.policies, pods.map(Arc::as_ref)))
    }

    fn plan(&self, policies: &[Policy], pods: Option<&Pods>) -> (Vec<Wanted>, Surroundings) {
        let mut around = Surroundings { possible: possible(policies), ..Surroundings::default() };
        let Some(pods) = pods else { return (Vec::new(), around) };
        for pod in pods.iter() {
            let open = is_open(policies, pod);
            for (container, id) in pod.containers.iter().flat_map(|container| ids(container).map(move |id| (container, id))) {
                around.known.insert(id.to_owned(), Arc::new(self.place(pod, container, id)));
                around.pods.insert(id.to_owned(), Arc::clone(pod));
                let here = pod.planted.iter().filter(|planted| planted.containers.contains(&container.name));
                around.planted.insert(id.to_owned(), here.cloned().collect());
                if open {
                    around.open.insert(id.to_owned());
                }
            }
        }
        let wanted = plan(policies, pods).flat_map(|selected| {
            let known = &around.known;
            ids(selected.container).filter_map(move |id| {
                Some(Wanted {
                    place: Place::Container(Arc::clone(known.get(id)?)),
                    policy: selected.policy.name.clone(),
                    file_path: selected.trap.file_path.clone(),
                    denied: selected.policy.denied,
                })
            })
        });
        (wanted.collect(), around)
    }

    /// Some container that is to have a trap has nobody living in it, as far as is known. Says whether that is not as it was.
    fn look(&mut self, ids: &BTreeSet<String>) -> bool {
        let before = self.alive.len();
        self.alive.retain(|id, inhabitant| ids.contains(id) && root(inhabitant).is_alive());
        let homeless: BTreeSet<_> = ids.iter().map(String::as_str).filter(|id| !self.alive.contains_key(*id)).collect();
        let found = inhabitants(&homeless);
        let looked: HashSet<_> = homeless.into_iter().map(str::to_owned).collect();
        let moved = self.alive.len() != before || !found.is_empty() || looked != self.looked;
        self.alive.extend(found);
        self.looked = looked;
        moved
    }

    fn place(&self, pod: &Pod, container: &PodContainer, id: &str) -> ContainerPlace {
        let root = self.alive.get(id).map(root);
        let runs = container.running && container.id.as_ref().is_some_and(|(_, current)| current == id);
        ContainerPlace {
            id: id.to_owned(),
            root,
            sandboxed: root.is_none() && runs && pod.runtime_class.is_some() && self.looked.contains(id),
            runtime: container.id.as_ref().map(|(runtime, _)| runtime.clone()).unwrap_or_default(),
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            name: container.name.clone(),
            workload: pod.workload_name().map(|(kind, name)| (kind.to_owned(), name.to_owned())),
        }
    }
}

/// Its root directory.
const fn root(inhabitant: &Inhabitant) -> Root {
    Root::Process { pid: inhabitant.pid, start_ticks: inhabitant.start_ticks }
}

/// Of the instance that runs, and of the one before: what was done there may still be on its way.
fn ids(container: &PodContainer) -> impl Iterator<Item = &str> {
    container.id.iter().map(|(_, id)| id.as_str()).chain(container.former_id.as_deref())
}

fn possible(policies: &[Policy]) -> Vec<Possible> {
    let watched =
        policies.iter().flat_map(|policy| policy.traps.iter().filter(|trap| trap.watched).map(move |trap| (policy, trap)));
    let trap = |(policy, trap): (&Policy, &crate::cluster::FileTrap)| Possible {
        policy: policy.name.as_str().into(),
        file_path: trap.file_path.as_str().into(),
        denied: policy.denied,
        written: (trap.decoy == DecoyStrategy::ContainerExec).then(|| trap.content_md5.as_str().into()),
    };
    watched.map(trap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_resources_and_the_same_processes_are_planned_once() {
        let (mut containers, snapshot, pods) = (Containers::default(), Arc::new(Snapshot::default()), Arc::new(Pods::default()));
        assert!(containers.follow(&snapshot, None).is_some());
        assert!(containers.follow(&snapshot, None).is_none());
        assert!(containers.follow(&snapshot, Some(&pods)).is_some());
        assert!(containers.follow(&snapshot, Some(&pods)).is_none());
        assert!(containers.follow(&snapshot, Some(&Arc::default())).is_some());
        assert!(containers.follow(&Arc::default(), Some(&pods)).is_some());
        // A process has ended: that is no resource's change.
        containers.planned.as_mut().expect("it was planned").ids.insert("c1".to_owned());
        let snapshot = Arc::clone(&containers.planned.as_ref().expect("it was planned").snapshot);
        let gone = Inhabitant { start_ticks: 0, pid: std::process::id() };
        containers.alive.insert("c1".to_owned(), gone);
        assert!(containers.follow(&snapshot, Some(&pods)).is_some());
        assert!(containers.follow(&snapshot, Some(&pods)).is_none(), "nobody lives there any more, and that is known");
    }
}
