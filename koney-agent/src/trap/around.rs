//! The table and the containers around: places that change, end, or are not known yet.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    place::{Accessor, ContainerPlace},
    surroundings::Surroundings,
    table::{At, Table},
};
use crate::{cluster::pods::Pod, event::Observation};

/// How long a trap keeps its keys when its container has ended.
const LINGER: Duration = Duration::from_secs(10);

impl Table {
    /// A place of which something else is known now is the same place: its traps stay as they are.
    pub(super) fn follow<'a>(&mut self, wanted: impl Iterator<Item = &'a At>) {
        let now: HashMap<_, _> = wanted.filter_map(|at| Some(((at.place.container_id()?, &at.path), at))).collect();
        let renamed = |at: &At| now.get(&(at.place.container_id()?, &at.path)).copied().filter(|new| *new != at).cloned();
        let moves: Vec<_> = self.traps.keys().filter_map(|at| Some((at.clone(), renamed(at)?))).collect();
        for (old, new) in moves {
            let Some(trap) = self.traps.remove(&old) else { continue };
            self.numbers.insert(trap.number, new.clone());
            for key in trap.keys.all() {
                let holders = self.holders.entry(key).or_default();
                holders.remove(&old);
                holders.insert(new.clone());
            }
            self.traps.insert(new, trap);
        }
    }

    /// Takes the keys from traps whose containers have ended, once what was done in them has been read: they are other files' now.
    pub fn let_go(&mut self) {
        let mut ended = Vec::new();
        for (at, trap) in &mut self.traps {
            if at.place.root().is_some() {
                trap.left = None;
            } else if trap.left.get_or_insert_with(Instant::now).elapsed() > LINGER {
                ended.push((at.clone(), std::mem::take(&mut trap.keys).all()));
            }
        }
        for (at, keys) in ended {
            self.release(&at, keys);
        }
    }

    /// Notes what is known of the containers around.
    pub fn surround(&mut self, surroundings: Surroundings) {
        self.grown |= self.surroundings.as_ref().is_none_or(|before| before.possible != surroundings.possible);
        self.surroundings = Some(surroundings);
    }

    /// The container that the process belongs to, where that is known.
    #[must_use]
    pub fn container_of(&self, seen: &Observation) -> Option<Arc<ContainerPlace>> {
        let Accessor::Container(id) = Accessor::of(&seen.subject) else { return None };
        self.surroundings.as_ref()?.known.get(id).cloned()
    }

    /// The pod that the process belongs to, where that is known.
    #[must_use]
    pub fn pod_of(&self, seen: &Observation) -> Option<Arc<Pod>> {
        let Accessor::Container(id) = Accessor::of(&seen.subject) else { return None };
        self.surroundings.as_ref()?.pods.get(id).cloned()
    }

    /// It is known what traps the accessor's container has.
    #[must_use]
    pub fn is_decided(&self, seen: &Observation) -> bool {
        self.surroundings.as_ref().is_none_or(|around| around.is_decided(Accessor::of(&seen.subject)))
    }

    /// What is known of the containers around.
    #[must_use]
    pub const fn surroundings(&self) -> Option<&Surroundings> {
        self.surroundings.as_ref()
    }

    /// Since the last call there may be traps where there were none: what was refused for a container may be one of its now.
    pub fn has_grown(&mut self) -> bool {
        std::mem::take(&mut self.grown)
    }
}
