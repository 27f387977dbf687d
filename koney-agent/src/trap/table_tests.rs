//! What the table answers, seen from outside.

use koney_common::TrapKey;

use super::{Hit, Place, Table, Wanted};
use crate::{
    alert::build::tests::observation,
    event::{Observation, Operation},
    kernel::{ArmError, Armed, ArmedKey, Job, OpenError, Stamp},
};

const KEY: TrapKey = TrapKey::new(1, 42);
const OTHER: TrapKey = TrapKey::new(1, 43);

fn wanted(policy: &str, file_path: &str) -> Wanted {
    Wanted { place: Place::Host, policy: policy.to_owned(), file_path: file_path.to_owned(), denied: false }
}

fn table(traps: &[Wanted]) -> Table {
    let mut table = Table::default();
    table.want(traps.iter().cloned());
    table
}

fn armed(key: TrapKey) -> Armed {
    Armed { keys: vec![ArmedKey { key, generation: 7 }], stamp: Stamp::default(), canonical: None }
}

fn job(table: &Table, path: &str) -> Job {
    table.jobs().into_iter().find(|job| job.path.as_os_str() == path).expect("the trap is wanted")
}

fn arm(table: &mut Table, path: &str, key: TrapKey) {
    let job = job(table, path);
    table.settle(&job, Ok(armed(key)));
}

fn missing(table: &mut Table, path: &str) {
    let job = job(table, path);
    table.settle(&job, Err(ArmError::Open(OpenError::Missing)));
}

fn touch(key: TrapKey, generation: Option<u32>, trap: u32) -> Observation {
    Observation { trap, key, generation, ..observation() }
}

fn names(hits: &[Hit]) -> Vec<(&str, &str)> {
    hits.iter().map(|hit| (hit.policy.as_ref(), hit.file_path.as_ref())).collect()
}

#[test]
fn two_policies_on_one_file_are_both_hit() {
    let mut table = table(&[wanted("a", "/run/token"), wanted("b", "/run/token"), wanted("b", "/run/link")]);
    arm(&mut table, "/run/token", KEY);
    arm(&mut table, "/run/link", KEY);
    assert_eq!(names(&table.hits(&touch(KEY, Some(7), 99))), [("b", "/run/link"), ("a", "/run/token"), ("b", "/run/token")]);
    assert_eq!(table.hits(&touch(TrapKey::new(2, 42), Some(7), 99)), [], "the same inode number on another device is a stranger");
}

#[test]
fn an_access_that_overtakes_its_key_is_found_by_number() {
    let mut table = table(&[wanted("a", "/run/token")]);
    let number = job(&table, "/run/token").trap;
    assert_eq!(names(&table.hits(&touch(KEY, None, number))), [("a", "/run/token")]);
}

#[test]
fn a_shared_key_is_given_up_with_its_last_path() {
    let mut table = table(&[wanted("a", "/one"), wanted("a", "/two")]);
    arm(&mut table, "/one", KEY);
    arm(&mut table, "/two", KEY);
    table.want([wanted("a", "/two")]);
    assert_eq!(table.orphaned(), []);
    table.want([]);
    assert_eq!(table.orphaned(), [KEY]);
    assert_eq!(table.hits(&touch(KEY, None, 99)), []);
}

#[test]
fn a_key_that_another_trap_took_over_stays() {
    let mut table = table(&[wanted("a", "/one"), wanted("a", "/two")]);
    arm(&mut table, "/one", KEY);
    table.want([wanted("a", "/two")]);
    arm(&mut table, "/two", KEY);
    assert_eq!(table.orphaned(), []);
    assert_eq!(names(&table.hits(&touch(KEY, Some(7), 99))), [("a", "/two")]);
}

#[test]
fn a_decoy_that_was_moved_away_is_still_one() {
    let mut table = table(&[wanted("a", "/one")]);
    arm(&mut table, "/one", KEY);
    missing(&mut table, "/one");
    assert_eq!(table.armed_of(), (0, 1));
    assert_eq!(names(&table.hits(&touch(KEY, Some(7), 99))), [("a", "/one")]);
    arm(&mut table, "/one", OTHER);
    for key in [KEY, OTHER] {
        assert_eq!(names(&table.hits(&touch(key, Some(7), 99))), [("a", "/one")]);
    }
    assert_eq!(table.orphaned(), []);
}

#[test]
fn a_stranger_with_the_inode_number_of_a_deleted_decoy_is_let_go() {
    let mut table = table(&[wanted("a", "/one")]);
    arm(&mut table, "/one", KEY);
    assert_eq!(
        names(&table.hits(&touch(KEY, Some(8), 99))),
        [("a", "/one")],
        "at its path it is the decoy, whatever its generation"
    );
    missing(&mut table, "/one");
    assert_eq!(table.hits(&touch(KEY, Some(8), 99)), []);
    assert_eq!(table.orphaned(), [KEY]);
}

#[test]
fn a_name_that_is_removed_leaves_the_generation_to_decide() {
    let mut table = table(&[wanted("a", "/one")]);
    arm(&mut table, "/one", KEY);
    let unlinked = Observation { operation: Operation::Unlink, ..touch(KEY, Some(7), 99) };
    assert_eq!(names(&table.hits(&unlinked)), [("a", "/one")]);
    assert_eq!(names(&table.hits(&touch(KEY, Some(7), 99))), [("a", "/one")], "by a descriptor that was kept");
    assert_eq!(table.hits(&touch(KEY, Some(8), 99)), [], "its number was given to another file");
}

#[test]
fn a_look_that_fails_disarms_nothing() {
    let mut table = table(&[wanted("a", "/one")]);
    arm(&mut table, "/one", KEY);
    for error in [ArmError::Unreachable, ArmError::NotSeen, ArmError::Full] {
        let job = job(&table, "/one");
        table.settle(&job, Err(error));
        assert_eq!(names(&table.hits(&touch(KEY, Some(7), 99))), [("a", "/one")]);
    }
    assert_eq!(table.orphaned(), []);
}

#[test]
fn former_keys_are_bounded() {
    let mut table = table(&[wanted("a", "/one")]);
    for inode in 0..20 {
        arm(&mut table, "/one", TrapKey::new(1, inode));
    }
    let oldest: Vec<_> = (0..3).map(|inode| TrapKey::new(1, inode)).collect();
    assert_eq!(table.orphaned(), oldest, "16 former keys and the current one are kept");
}

#[test]
fn a_trap_removed_while_it_was_being_armed_leaves_nothing() {
    let mut table = table(&[wanted("a", "/one")]);
    let job = job(&table, "/one");
    table.want([]);
    table.settle(&job, Ok(armed(KEY)));
    assert_eq!(table.orphaned(), [KEY]);
}

#[test]
fn new_traps_come_before_those_that_hang() {
    let mut table = table(&[wanted("a", "/hangs")]);
    let hangs = job(&table, "/hangs");
    table.settle(&hangs, Err(ArmError::Unreachable));
    table.want([wanted("a", "/hangs"), wanted("a", "/new")]);
    let paths: Vec<_> = table.jobs().into_iter().map(|job| job.path).collect();
    assert_eq!(paths, ["/new", "/hangs"].map(std::path::PathBuf::from));
}
