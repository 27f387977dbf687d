//! Of several traps that hold one file: whose the touch was.

use super::{
    place::{Accessor, Place},
    table::At,
};
use crate::{event::Observation, kernel::Root};

/// The trap's container has ended and somebody else's process was there: what has this key now is another file. Overlays are unmounted with
/// their containers, and the next one that is mounted gets the same device number (`get_anon_bdev`, `fs/super.c`), with the same inodes if
/// it is of the same image.
pub(super) fn has_ended(at: &At, accessor: Accessor<'_>) -> bool {
    let Place::Container(container) = &at.place else { return false };
    let other = matches!(accessor, Accessor::Container(id) if id != container.id);
    other && !container.root.is_some_and(Root::is_alive)
}

/// The traps that were touched.
///
/// A file of an image's layer is held by every container of the image: there the accessor's container decides. What an overlay opens
/// for a container that holds no trap is that container's own view of the layer, and nobody's trap.
pub(super) fn of<'a>(holders: &'a [At], seen: &Observation) -> Vec<&'a At> {
    let accessor = Accessor::of(&seen.subject);
    let holders: Vec<_> = holders.iter().filter(|at| !has_ended(at, accessor)).collect();
    let containers = holders.iter().filter(|at| matches!(at.place, Place::Container(_))).count();
    if containers == 0 || (holders.len() == 1 && !seen.nested) {
        return holders;
    }
    let own: Vec<_> = holders.iter().copied().filter(|at| at.place.is_of(accessor)).collect();
    match accessor {
        _ if !own.is_empty() => own,
        Accessor::Container(_) if seen.nested => holders.into_iter().filter(|at| at.place == Place::Host).collect(),
        // From the outside, at a file that several containers have: one of them stands for all.
        Accessor::Host | Accessor::Container(_) => one_of_each_path(holders),
    }
}

fn one_of_each_path(mut holders: Vec<&At>) -> Vec<&At> {
    let mut chosen: Vec<&At> = Vec::new();
    // Of those that live, if any do.
    holders.sort_by_key(|at| !at.place.root().is_some_and(Root::is_alive));
    for at in holders {
        if !chosen.iter().any(|taken| taken.path == at.path) {
            chosen.push(at);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{alert::build::tests::observation, trap::ContainerPlace};

    fn id(of: char) -> String {
        of.to_string().repeat(64)
    }

    fn at(of: char) -> At {
        // This test stands for the container's process.
        let root = Root::of(std::process::id()).ok();
        let container = ContainerPlace { id: id(of), root, ..ContainerPlace::default() };
        At { place: Place::Container(Arc::new(container)), path: "/run/token".into() }
    }

    fn by(accessor: Option<char>, nested: bool) -> Observation {
        let mut seen = observation();
        seen.nested = nested;
        seen.subject.cgroup_name = accessor.map(|of| format!("cri-containerd-{}.scope", id(of)));
        seen
    }

    #[test]
    fn the_accessors_container_decides_about_a_shared_layer() {
        let holders = [at('a'), at('b')];
        assert_eq!(of(&holders, &by(Some('b'), true)), [&holders[1]]);
        assert_eq!(of(&holders, &by(None, false)), [&holders[0]], "the host reads the layer: one alert");
        assert!(of(&holders, &by(Some('c'), true)).is_empty(), "another container of the image reads its own copy");
        assert_eq!(of(&holders[..1], &by(Some('c'), true)), Vec::<&At>::new());
        assert_eq!(of(&holders[..1], &by(Some('c'), false)), [&holders[0]], "through a shared volume it is the owner's file");
    }
}
