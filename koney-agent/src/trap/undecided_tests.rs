//! What is decided about files with a decoy's name, seen from outside.

use koney_common::{TrapKey, identity::UNDECIDED_TRAP};

use super::{Judgement, Place, Table, Undecided, Wanted};
use crate::{
    alert::build::tests::observation,
    event::{Observation, Operation, PathKind},
    kernel::{ArmError, Armed, ArmedKey, OpenError, Root, Stamp},
};

const KEY: TrapKey = TrapKey::new(1, 42);
const OTHER: TrapKey = TrapKey::new(1, 43);
const ROOT: TrapKey = TrapKey::new(1, 2);
const JAIL: TrapKey = TrapKey::new(1, 99);

fn table() -> Table {
    let mut table = Table::default();
    table.want([Wanted { place: Place::Host, policy: "p".to_owned(), file_path: "/run/koney/token".to_owned(), denied: false }]);
    table.know_root(Root::Own, ROOT);
    table
}

fn touch(path: &str, kind: PathKind, root: TrapKey, key: TrapKey) -> Observation {
    Observation { key, trap: UNDECIDED_TRAP, path: Some(path.to_owned()), path_kind: kind, root: Some(root), ..observation() }
}

/// One look at all decoys, which finds this file.
fn look(table: &mut Table, found: Option<TrapKey>) {
    let round = table.begin_round();
    for job in table.jobs() {
        let armed = |key| Armed { keys: vec![ArmedKey { key, generation: 7 }], stamp: Stamp::default(), canonical: None };
        table.settle(&job, found.map(armed).ok_or(ArmError::Open(OpenError::Missing)));
    }
    table.end_round(round);
}

fn hits(decided: &[super::Decided]) -> Vec<usize> {
    decided.iter().map(|decided| decided.hits.len()).collect()
}

#[test]
fn the_traps_path_under_its_root_decides_at_once() {
    let mut table = table();
    let seen = touch("/run/koney/token", PathKind::Whole, ROOT, KEY);
    assert!(matches!(Undecided::default().judge(&mut table, &seen), Judgement::Hits(hits) if hits.len() == 1));
}

#[test]
fn the_same_path_elsewhere_waits_for_a_look_that_begins_later() {
    let mut table = table();
    let mut undecided = Undecided::default();
    let round = table.begin_round();
    let seen = touch("/token", PathKind::Whole, JAIL, KEY);
    assert!(matches!(undecided.judge(&mut table, &seen), Judgement::Held));
    table.end_round(round);
    assert!(undecided.decide(&mut table, false).is_empty(), "the look under way may have passed by");
    look(&mut table, Some(KEY));
    assert_eq!(hits(&undecided.decide(&mut table, false)), [1], "in a chroot, and yet the decoy");
    assert!(!undecided.is_waiting());
}

#[test]
fn another_file_of_that_name_is_nobodys() {
    let mut table = table();
    let mut undecided = Undecided::default();
    let seen = touch("/home/token", PathKind::Whole, ROOT, OTHER);
    assert!(matches!(undecided.judge(&mut table, &seen), Judgement::Held));
    look(&mut table, Some(KEY));
    assert_eq!(hits(&undecided.decide(&mut table, false)), [0]);
}

#[test]
fn what_is_gone_before_anyone_looked_counts_if_its_path_ends_like_the_traps() {
    for (path, expected) in [("/koney/token", 1), ("/other/token", 0)] {
        let mut table = table();
        let mut undecided = Undecided::default();
        let seen = touch(path, PathKind::Outside, ROOT, KEY);
        assert!(matches!(undecided.judge(&mut table, &seen), Judgement::Held));
        look(&mut table, None);
        assert_eq!(hits(&undecided.decide(&mut table, false)), [expected], "{path}");
    }
}

#[test]
fn a_symbolic_link_has_nothing_but_its_path() {
    let mut table = table();
    let link =
        |path: &str| Observation { operation: Operation::Symlink, ..touch(path, PathKind::Whole, ROOT, TrapKey::default()) };
    let mut undecided = Undecided::default();
    assert!(matches!(undecided.judge(&mut table, &link("/run/koney/token")), Judgement::Hits(hits) if hits.len() == 1));
    assert!(matches!(undecided.judge(&mut table, &link("/tmp/token")), Judgement::Nobody));
}

#[test]
fn at_the_end_everything_is_decided() {
    let mut table = table();
    let mut undecided = Undecided::default();
    let seen = touch("/token", PathKind::Whole, JAIL, KEY);
    assert!(matches!(undecided.judge(&mut table, &seen), Judgement::Held));
    assert_eq!(hits(&undecided.decide(&mut table, true)), [0]);
}
