//! Containers that are not known yet, that change and that end.

use std::sync::Arc;

use koney_common::{TrapKey, identity::UNDECIDED_TRAP};

use super::{ContainerPlace, Hit, Judgement, Place, Possible, Surroundings, Table, Undecided, Wanted};
use crate::{
    alert::build::tests::observation,
    event::{Observation, PathKind},
    kernel::{Armed, ArmedKey, Root, Stamp},
};

const KEY: TrapKey = TrapKey::new(9, 42);
const ROOT: TrapKey = TrapKey::new(9, 2);
const PATH: &str = "/run/koney/token";

fn id(of: char) -> String {
    of.to_string().repeat(64)
}

/// A container; this test stands for the process of one that lives.
fn container(of: char, lives: bool) -> Arc<ContainerPlace> {
    let root = lives.then(|| Root::of(std::process::id()).expect("this process"));
    Arc::new(ContainerPlace { id: id(of), root, pod: format!("pod-{of}"), ..ContainerPlace::default() })
}

fn want(table: &mut Table, containers: &[Arc<ContainerPlace>], file_path: &str) {
    table.want(containers.iter().map(|place| Wanted {
        place: Place::Container(Arc::clone(place)),
        policy: "p".to_owned(),
        file_path: file_path.to_owned(),
        denied: false,
    }));
}

fn around(containers: &[Arc<ContainerPlace>]) -> Surroundings {
    let known = containers.iter().map(|place| (place.id.clone(), Arc::clone(place))).collect();
    let possible = vec![Possible { policy: "p".into(), file_path: PATH.into(), denied: false, written: None }];
    Surroundings { known, possible, ..Surroundings::default() }
}

fn arm(table: &mut Table) {
    for job in table.jobs() {
        let keys = vec![ArmedKey { key: KEY, generation: 7 }];
        table.settle(&job, Ok(Armed { keys, stamp: Stamp::default(), canonical: None }));
    }
}

fn touch(by: char, path: &str) -> Observation {
    let mut seen = observation();
    seen.subject.cgroup_name = Some(format!("cri-containerd-{}.scope", id(by)));
    let (path, path_kind) = (Some(path.to_owned()), PathKind::Whole);
    Observation { key: KEY, trap: UNDECIDED_TRAP, path, path_kind, root: Some(ROOT), generation: Some(7), ..seen }
}

fn look(table: &mut Table) {
    let round = table.begin_round();
    table.end_round(round);
}

fn pods(hits: &[Hit]) -> Vec<String> {
    let pod = |hit: &Hit| match &hit.place {
        Place::Container(place) => place.pod.clone(),
        Place::Host => "host".to_owned(),
    };
    hits.iter().map(pod).collect()
}

#[test]
fn a_place_of_which_more_is_known_keeps_its_keys() {
    let mut table = Table::default();
    want(&mut table, &[container('a', true)], PATH);
    arm(&mut table);
    assert!(table.has_grown() && !table.has_grown());
    let more =
        Arc::new(ContainerPlace { workload: Some(("Deployment".into(), "web".into())), ..(*container('a', true)).clone() });
    want(&mut table, &[more], PATH);
    assert_eq!(table.armed_of(), (1, 1));
    assert_eq!(table.orphaned(), []);
    assert_eq!(pods(&table.hits(&touch('a', PATH))), ["pod-a"]);
    assert!(!table.has_grown(), "nothing was refused that is a trap now");
}

#[test]
fn a_key_outlives_its_container_for_those_who_were_in_it_only() {
    let mut table = Table::default();
    want(&mut table, &[container('a', true)], PATH);
    arm(&mut table);
    want(&mut table, &[container('a', false)], PATH);
    assert_eq!(table.armed_of(), (0, 0), "nobody lives there");
    assert_eq!(pods(&table.hits(&touch('a', PATH))), ["pod-a"], "its last act is on its way");
    let anew = touch('b', PATH);
    assert!(table.is_anew(&anew));
    assert_eq!(table.hits(&anew), []);
    table.surround(around(&[container('a', false), container('b', false)]));
    want(&mut table, &[container('a', false), container('b', false)], PATH);
    let judged = Undecided::default().judge(&mut table, &anew);
    assert!(matches!(&judged, Judgement::Hits(hits) if pods(hits) == ["pod-b"]), "{judged:?}");
}

#[test]
fn a_touch_waits_until_its_container_is_known() {
    for (selected, expected) in [(true, vec!["pod-b"]), (false, vec![])] {
        let (mut table, mut undecided) = (Table::default(), Undecided::default());
        table.surround(around(&[]));
        let seen = touch('b', PATH);
        assert!(matches!(undecided.judge(&mut table, &seen), Judgement::Held));
        look(&mut table);
        assert!(undecided.decide(&mut table, false).is_empty(), "nobody knows the container");
        assert!(undecided.is_asking(&table));
        table.surround(around(&[container('b', false)]));
        if selected {
            want(&mut table, &[container('b', false)], PATH);
        }
        let decided = undecided.decide(&mut table, false);
        assert_eq!(pods(&decided[0].hits), expected);
    }
}

#[test]
fn a_container_that_nobody_tells_of_in_time_alerts_at_the_path_of_a_policy() {
    for (path, expected) in [(PATH, vec![""]), ("/home/token", vec![])] {
        let (mut table, mut undecided) = (Table::default(), Undecided::default());
        table.surround(around(&[]));
        assert!(matches!(undecided.judge(&mut table, &touch('b', path)), Judgement::Held));
        let decided = undecided.decide(&mut table, true);
        assert_eq!(pods(&decided[0].hits), expected, "{path}");
    }
}

#[test]
fn the_old_name_of_run_leads_to_the_same_file() {
    let mut table = Table::default();
    table.surround(around(&[container('a', false)]));
    want(&mut table, &[container('a', false)], "/var/run/koney/token");
    let judged = Undecided::default().judge(&mut table, &touch('a', PATH));
    assert!(matches!(&judged, Judgement::Hits(hits) if pods(hits) == ["pod-a"]), "{judged:?}");
}
