//! The containers of the node, as far as they are known: of which it is decided what traps they have, and what traps others may have.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    place::{Accessor, ContainerPlace, Place},
    table::Hit,
};
use crate::{
    cluster::pods::{Planted, Pod},
    event::{Observation, Operation, PathKind},
};

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The node's containers by their ids.
    pub known: HashMap<String, Arc<ContainerPlace>>,
    /// The pods that they belong to.
    pub pods: HashMap<String, Arc<Pod>>,
    /// Those of them of which it is not decided yet what traps they have: nobody has told what stands above their pods.
    pub open: HashSet<String>,
    /// What Koney says it has written into a container: its decoys' paths, contents and times.
    pub planted: HashMap<String, Vec<Planted>>,
    /// Every trap that a container may turn out to have.
    pub possible: Vec<Possible>,
}

/// A trap of a policy, whoever gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possible {
    /// Name of the policy.
    pub policy: Arc<str>,
    /// `filePath` as the policy writes it.
    pub file_path: Arc<str>,
    /// The policy asks for attempts that the kernel denies.
    pub denied: bool,
    /// MD5 of its content, where Koney writes it into the container.
    pub written: Option<Arc<str>>,
}

impl Surroundings {
    /// It is known what traps the accessor's container has. The host has none but those of containers.
    pub(super) fn is_decided(&self, accessor: Accessor<'_>) -> bool {
        match accessor {
            Accessor::Host => true,
            Accessor::Container(id) => self.known.contains_key(id) && !self.open.contains(id),
        }
    }

    /// The traps whose path the touch was at, for a container of which nothing was decided in time: better an alert too many than a decoy read in silence.
    pub(super) fn at_path(&self, seen: &Observation) -> Vec<Hit> {
        let (Accessor::Container(id), Some(path), PathKind::Whole) =
            (Accessor::of(&seen.subject), seen.path.as_deref(), seen.path_kind)
        else {
            return Vec::new();
        };
        let unknown = |id: &str| Arc::new(ContainerPlace { id: id.to_owned(), ..ContainerPlace::default() });
        let place = Place::Container(self.known.get(id).cloned().unwrap_or_else(|| unknown(id)));
        let asking = |trap: &&Possible| trap.denied || seen.operation != Operation::Denied;
        let here = self.possible.iter().filter(|trap| is_same(&trap.file_path, path)).filter(asking);
        here.map(|trap| Hit { place: place.clone(), policy: Arc::clone(&trap.policy), file_path: Arc::clone(&trap.file_path) })
            .collect()
    }
}

/// The path that a policy writes leads to the file at `canonical`, as far as the two tell: every distribution has `/run` under its old name
/// `/var/run` too.
pub(super) fn is_same(written: &str, canonical: &str) -> bool {
    written == canonical || written.strip_prefix("/var/run/").is_some_and(|rest| canonical.strip_prefix("/run/") == Some(rest))
}
