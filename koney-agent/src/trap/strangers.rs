//! Who is in a container that nobody has told of yet: their pod may be expected, and the alert is to name it.

use std::time::{Duration, Instant};

use super::{place::Accessor, planting::Deed, surroundings::Surroundings};

/// The longest that an act is held.
const PATIENCE: Duration = Duration::from_secs(5);
/// Acts held at a time; further ones are told at once.
const HELD: usize = 1024;

/// The acts that are held.
#[derive(Debug, Default)]
pub struct Strangers(Vec<(Deed, Instant)>);

impl Strangers {
    /// Holds the act where its container is not known; gives it back where it is.
    pub fn hold(&mut self, around: &Surroundings, deed: Deed) -> Option<Deed> {
        if self.0.len() >= HELD || is_known(around, &deed) {
            return Some(deed);
        }
        self.0.push((deed, Instant::now()));
        None
    }

    /// Some act is held.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }

    /// Lets go of those whose container has become known or has been waited for long enough; of all, where the agent is about to end.
    pub fn introduced(&mut self, around: &Surroundings, all: bool) -> Vec<Deed> {
        let over = |(deed, since): &mut (Deed, Instant)| all || since.elapsed() > PATIENCE || is_known(around, deed);
        self.0.extract_if(.., over).map(|(deed, _)| deed).collect()
    }
}

fn is_known(around: &Surroundings, (seen, hits): &Deed) -> bool {
    match Accessor::of(&seen.subject) {
        Accessor::Host => true,
        accessor @ Accessor::Container(_) if hits.iter().any(|hit| hit.place.is_of(accessor)) => true,
        Accessor::Container(id) => around.known.contains_key(id),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        alert::build::tests::observation,
        trap::{ContainerPlace, Hit, Place},
    };

    fn container(letter: &str) -> Arc<ContainerPlace> {
        Arc::new(ContainerPlace { id: letter.repeat(64), ..ContainerPlace::default() })
    }

    fn deed(accessor: &str, owner: &str) -> Deed {
        let mut seen = observation();
        seen.subject.cgroup_name = Some(format!("cri-containerd-{}.scope", accessor.repeat(64)));
        (seen, vec![Hit { place: Place::Container(container(owner)), policy: "p".into(), file_path: "/run/token".into() }])
    }

    #[test]
    fn only_who_is_not_known_waits_and_not_for_ever() {
        let (mut around, mut strangers) = (Surroundings::default(), Strangers::default());
        assert!(strangers.hold(&around, deed("a", "a")).is_some(), "the trap is its own");
        assert!(strangers.hold(&around, deed("b", "a")).is_none());
        assert!(strangers.hold(&around, deed("c", "a")).is_none());
        assert!(strangers.introduced(&around, false).is_empty());
        around.known.insert("b".repeat(64), container("b"));
        assert_eq!(strangers.introduced(&around, false), [deed("b", "a")]);
        assert!(strangers.is_waiting());
        assert_eq!(strangers.introduced(&around, true), [deed("c", "a")]);
        assert!(!strangers.is_waiting());
        for _ in 0..HELD {
            assert!(strangers.hold(&around, deed("d", "a")).is_none());
        }
        assert!(strangers.hold(&around, deed("d", "a")).is_some(), "what is held is bounded");
    }
}
