//! Koney's operator plants a decoy by exec: it writes the file, reads it back, and then says so in an annotation.
//!
//! What a runtime's exec does to a decoy that is written and not yet in the annotation is held for up to a minute. It is nobody's access
//! only if the annotation then comes and tells the path, the time and the content that the policy asks for; in every other case it is
//! told. No argument and no name counts: those are for everyone to use.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{
    place::{Accessor, Place},
    surroundings::Surroundings,
    table::Hit,
};
use crate::event::{Observation, Operation, Origin};

/// The longest from the first act to the annotation.
const PATIENCE: Duration = Duration::from_mins(1);
/// The operator's clock may be behind the node's.
const SKEW: SignedDuration = SignedDuration::from_secs(5);
/// Acts held at a time; further ones are told at once.
const HELD: usize = 1024;

/// What was seen, and whose traps it was.
pub type Deed = (Observation, Vec<Hit>);

/// What came of acts that were held.
#[derive(Debug, Default)]
pub struct Settled {
    /// They are to be told.
    pub told: Vec<Deed>,
    /// They were Koney's.
    pub planted: Vec<Observation>,
}

/// The acts that are held.
#[derive(Debug, Default)]
pub struct Planting {
    held: Vec<Act>,
}

#[derive(Debug)]
struct Act {
    seen: Observation,
    hits: Vec<Hit>,
    time: Timestamp,
    since: Instant,
}

impl Planting {
    /// Holds the act if it may be Koney's; gives it back if it may not.
    pub fn hold(&mut self, around: &Surroundings, (seen, hits): Deed, time: Timestamp) -> Option<Deed> {
        if self.held.len() < HELD && self.may_be(around, &seen, &hits) {
            self.held.push(Act { seen, hits, time, since: Instant::now() });
            return None;
        }
        Some((seen, hits))
    }

    /// Some act is held.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Lets go of what turned out to be planting, and of what was not; of everything, where the agent is about to end (`all`).
    pub fn settle(&mut self, around: &Surroundings, all: bool) -> Settled {
        let overdue: Vec<Hit> =
            self.held.iter().filter(|act| act.since.elapsed() > PATIENCE).flat_map(|act| act.hits.clone()).collect();
        let mut settled = Settled::default();
        for act in std::mem::take(&mut self.held) {
            match verdict(around, &act) {
                Some(true) => settled.planted.push(act.seen),
                Some(false) => settled.told.push((act.seen, act.hits)),
                // What else was done to that file in the same minute goes with it.
                None if all || act.hits.iter().any(|hit| overdue.contains(hit)) => {
                    settled.told.push((act.seen, act.hits));
                }
                None => self.held.push(act),
            }
        }
        settled
    }

    fn may_be(&self, around: &Surroundings, seen: &Observation, hits: &[Hit]) -> bool {
        if seen.subject.origin != Some(Origin::RuntimeExec) || hits.is_empty() {
            return false;
        }
        let begins = matches!(seen.operation, Operation::Create | Operation::Write);
        let follows = matches!(seen.operation, Operation::Open | Operation::Chmod | Operation::Unlink);
        let begun = || self.held.iter().any(|act| act.hits == hits);
        let accessor = Accessor::of(&seen.subject);
        let to_be_written = |hit: &Hit| {
            let Place::Container(container) = &hit.place else { return false };
            let planted = around.planted.get(&container.id);
            let listed = planted.is_some_and(|planted| planted.iter().any(|planted| planted.file_path == *hit.file_path));
            hit.place.is_of(accessor) && !listed && content(around, hit).is_some()
        };
        (begins || (follows && begun())) && hits.iter().all(to_be_written)
    }
}

/// Whether it was planting; `None` while nobody has said.
fn verdict(around: &Surroundings, act: &Act) -> Option<bool> {
    let mut all = true;
    for hit in &act.hits {
        let planted = around.planted.get(hit.place.container_id()?)?;
        let planted = planted.iter().find(|planted| planted.file_path == *hit.file_path)?;
        let early = planted.created.duration_since(act.time);
        let in_time = early >= -SKEW && early <= SignedDuration::try_from(PATIENCE).unwrap_or(SignedDuration::MAX);
        all &= in_time && content(around, hit) == Some(planted.content_md5.as_str());
    }
    Some(all)
}

/// What the policy would have in the decoy, where Koney writes it.
fn content<'a>(around: &'a Surroundings, hit: &Hit) -> Option<&'a str> {
    let same = around.possible.iter().find(|trap| trap.policy == hit.policy && trap.file_path == hit.file_path);
    same?.written.as_deref()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        alert::build::tests::observation,
        cluster::pods::Planted,
        trap::{ContainerPlace, Possible},
    };

    const TIME: &str = "2025-07-18T19:39:11Z";

    fn id() -> String {
        "a".repeat(64)
    }

    fn hits() -> Vec<Hit> {
        let place = Place::Container(Arc::new(ContainerPlace { id: id(), ..ContainerPlace::default() }));
        vec![Hit { place, policy: "p".into(), file_path: "/run/token".into() }]
    }

    fn around(planted: Option<(&str, &str)>) -> Surroundings {
        let planted = planted.map(|(created, content_md5)| Planted {
            file_path: "/run/token".to_owned(),
            containers: Vec::new(),
            content_md5: content_md5.to_owned(),
            created: created.parse().expect("a time"),
        });
        let possible =
            vec![Possible { policy: "p".into(), file_path: "/run/token".into(), denied: false, written: Some("abc".into()) }];
        Surroundings { planted: [(id(), planted.into_iter().collect())].into(), possible, ..Surroundings::default() }
    }

    fn act(operation: Operation, origin: Origin) -> Observation {
        let mut seen = Observation { operation, ..observation() };
        seen.subject.origin = Some(origin);
        seen.subject.cgroup_name = Some(format!("cri-containerd-{}.scope", id()));
        seen
    }

    /// Whether the act is held.
    fn held(planting: &mut Planting, around: &Surroundings, operation: Operation, origin: Origin) -> bool {
        planting.hold(around, (act(operation, origin), hits()), TIME.parse().expect("a time")).is_none()
    }

    fn planted() -> Planting {
        let (mut planting, none) = (Planting::default(), around(None));
        for operation in [Operation::Create, Operation::Open, Operation::Chmod] {
            assert!(held(&mut planting, &none, operation, Origin::RuntimeExec));
        }
        assert!(planting.settle(&none, false).told.is_empty() && planting.is_waiting(), "nobody has said anything");
        planting
    }

    #[test]
    fn what_the_annotation_confirms_was_planting() {
        let mut planting = planted();
        let settled = planting.settle(&around(Some(("2025-07-18T19:39:21Z", "abc"))), false);
        assert_eq!((settled.told.len(), settled.planted.len(), planting.is_waiting()), (0, 3, false));
    }

    #[test]
    fn everything_else_is_told() {
        for (created, content) in
            [("2025-07-18T19:39:21Z", "another content"), ("2025-07-18T19:41:00Z", "abc"), ("2025-07-18T19:38:00Z", "abc")]
        {
            let mut planting = planted();
            assert_eq!(planting.settle(&around(Some((created, content))), false).told.len(), 3, "{created} {content}");
        }
        assert_eq!(planted().settle(&around(None), true).told.len(), 3, "the agent ends");
    }

    #[test]
    fn only_an_exec_from_outside_that_writes_first_is_held() {
        let (none, listed) = (around(None), around(Some((TIME, "abc"))));
        let mut planting = Planting::default();
        assert!(!held(&mut planting, &none, Operation::Open, Origin::RuntimeExec), "read before it was written");
        assert!(!held(&mut planting, &none, Operation::Create, Origin::Workload));
        assert!(!held(&mut planting, &listed, Operation::Create, Origin::RuntimeExec), "Koney has planted it already");
        assert!(!held(&mut planting, &none, Operation::Rename, Origin::RuntimeExec), "Koney moves nothing");
        let mut mounted = none.clone();
        mounted.possible[0].written = None;
        assert!(!held(&mut planting, &mounted, Operation::Create, Origin::RuntimeExec), "Koney mounts this one");
        assert!(!planting.is_waiting());
    }
}
