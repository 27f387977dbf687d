//! How the traps of each policy stand, container by container.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{state::State, table::Table};

/// A policy's containers on this node; the host counts as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Those that have a trap of it and in which something lives.
    pub containers: u64,
    /// Those in which all of them are armed.
    pub armed: u64,
    /// Of the others, how many there are of each state, by the state's name: where traps differ, the one that is furthest from armed.
    pub others: BTreeMap<&'static str, u64>,
}

impl Table {
    /// Every trap's state, once for each policy that wants it.
    pub fn of_policies(&self) -> impl Iterator<Item = (&str, &State)> {
        self.traps.values().flat_map(|trap| trap.policies.keys().map(|policy| (policy.as_ref(), &trap.state)))
    }

    /// By the names of the policies; those that nobody is selected by are not there.
    #[must_use]
    pub fn standing(&self) -> HashMap<Arc<str>, Standing> {
        let mut worst: HashMap<(&Arc<str>, Option<&str>), &State> = HashMap::new();
        let living = self.traps.iter().filter(|(at, trap)| at.place.root().is_some() || trap.state == State::Sandboxed);
        for (at, trap) in living {
            for policy in trap.policies.keys() {
                let state = worst.entry((policy, at.place.container_id())).or_insert(&trap.state);
                if distance(&trap.state) > distance(state) {
                    *state = &trap.state;
                }
            }
        }
        let mut standing: HashMap<Arc<str>, Standing> = HashMap::new();
        for ((policy, _), state) in worst {
            let of_policy = standing.entry(Arc::clone(policy)).or_default();
            of_policy.containers += 1;
            match state {
                State::Armed => of_policy.armed += 1,
                state => *of_policy.others.entry(state.name()).or_default() += 1,
            }
        }
        standing
    }
}

const fn distance(state: &State) -> u8 {
    match state {
        State::Armed => 0,
        State::Replaced => 1,
        State::Pending => 2,
        State::Missing => 3,
        State::Unreachable => 4,
        State::Failed(..) => 5,
        State::Unsupported(..) | State::Sandboxed => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Root,
        trap::{ContainerPlace, Place, Wanted},
    };

    #[test]
    fn a_container_stands_as_the_worst_of_its_traps() {
        let mut table = Table::default();
        let place = |id: &str, root: Option<Root>| {
            Place::Container(Arc::new(ContainerPlace { id: id.to_owned(), root, ..ContainerPlace::default() }))
        };
        let root = Some(Root::Process { pid: 1, start_ticks: 1 });
        let wanted = [("a", "/one", root), ("a", "/two", root), ("b", "/one", root), ("gone", "/one", None)];
        table.want(wanted.map(|(id, path, root)| Wanted {
            place: place(id, root),
            policy: "p".to_owned(),
            file_path: path.to_owned(),
            denied: false,
        }));
        for (at, trap) in &mut table.traps {
            trap.state = match (at.place.container_id(), &*at.path) {
                (Some("a"), "/two") => State::Missing,
                _ => State::Armed,
            };
        }
        let expected = Standing { containers: 2, armed: 1, others: [("missing", 1)].into() };
        assert_eq!(table.standing().remove("p"), Some(expected));
    }
}
