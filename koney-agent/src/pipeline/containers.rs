//! Which containers of this node have which traps, and in which process's root directory each is looked up.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    cluster::{
        DecoyStrategy, Policy,
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
}

impl Containers {
    /// What is wanted of this node's containers, and what is known of them. Without pods, nothing is known of any.
    pub(super) fn plan(&mut self, policies: &[Policy], pods: Option<&Pods>) -> (Vec<Wanted>, Surroundings) {
        let mut around = Surroundings { possible: possible(policies), ..Surroundings::default() };
        let Some(pods) = pods else { return (Vec::new(), around) };
        let selected: Vec<_> = plan(policies, pods).collect();
        self.look(selected.iter().flat_map(|selected| ids(selected.container)).collect());
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
        let wanted = selected.iter().flat_map(|selected| {
            ids(selected.container).filter_map(|id| {
                Some(Wanted {
                    place: Place::Container(Arc::clone(around.known.get(id)?)),
                    policy: selected.policy.name.clone(),
                    file_path: selected.trap.file_path.clone(),
                    denied: selected.policy.denied,
                })
            })
        });
        (wanted.collect(), around)
    }

    /// Some container that is to have a trap has nobody living in it, as far as is known.
    fn look(&mut self, ids: BTreeSet<&str>) {
        self.alive.retain(|id, inhabitant| ids.contains(id.as_str()) && inhabitant.is_alive());
        let homeless: BTreeSet<_> = ids.into_iter().filter(|id| !self.alive.contains_key(*id)).collect();
        self.alive.extend(inhabitants(&homeless));
        self.looked = homeless.into_iter().map(str::to_owned).collect();
    }

    fn place(&self, pod: &Pod, container: &PodContainer, id: &str) -> ContainerPlace {
        let root = |inhabitant: &Inhabitant| {
            let Inhabitant { start_ticks, pid } = *inhabitant;
            Root::Process { pid, start_ticks }
        };
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
