//! What the check by name tells of files that nobody has armed: by each attach method, in a real kernel.

use std::{fs, path::PathBuf, process::Command};

use koney_agent::event::{Check, Operation, PathKind};
use koney_common::identity::UNDECIDED_TRAP;
use koney_tests::{by_each_method, kernel::Sight};

by_each_method!(
    a_file_made_at_once_is_told_with_every_touch,
    a_bind_mount_shows_its_own_name,
    other_names_are_not_told,
    a_name_of_few_bytes_counts_whole,
    a_long_name_is_known_by_its_beginning_and_length,
    where_every_slot_is_taken_the_tables_decide,
);

mod moved {
    use super::another_name_does_not_hide_a_candidate;

    koney_tests::by_each_method!(changes: another_name_does_not_hide_a_candidate);
}

fn stage() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folder")
}

fn told(sight: &mut Sight) -> Vec<(Operation, Check)> {
    sight.candidates().into_iter().map(|seen| (seen.operation, seen.check)).collect()
}

async fn a_file_made_at_once_is_told_with_every_touch(sight: &mut Sight) {
    let stage = stage();
    sight.name(&["service_token"]);
    let deep = stage.path().join("secrets/koney");
    fs::create_dir_all(&deep).expect("mkdir -p");
    let path = deep.join("service_token");
    fs::write(&path, "secret").expect("create");
    fs::read(&path).expect("read");
    let seen = sight.candidates();
    let what: Vec<_> = seen.iter().map(|seen| (seen.operation, seen.check)).collect();
    assert_eq!(what, [(Operation::Create, Check::Name), (Operation::Open, Check::Identity)]);
    for seen in &seen {
        assert_eq!(seen.trap, UNDECIDED_TRAP);
        assert_eq!((seen.path.as_deref(), seen.path_kind), (path.to_str(), PathKind::Whole));
        assert!(seen.root.is_some());
    }
    assert_eq!(sight.seen().len(), 0, "nothing is armed as a trap");
}

async fn another_name_does_not_hide_a_candidate(sight: &mut Sight) {
    let stage = stage();
    let path = stage.path().join("service_token");
    fs::write(&path, "secret").expect("plant");
    sight.name(&["service_token"]);
    let other = stage.path().join("x");
    fs::rename(&path, &other).expect("mv");
    fs::read(&other).expect("read");
    assert_eq!(told(sight), [(Operation::Rename, Check::Name), (Operation::Open, Check::Identity)]);
}

async fn a_bind_mount_shows_its_own_name(sight: &mut Sight) {
    let stage = stage();
    let (key, place) = (stage.path().join("key"), stage.path().join("service_token"));
    fs::write(&key, "secret").expect("plant");
    fs::write(&place, "").expect("a place to mount on");
    sight.name(&["service_token"]);
    let mount = |words: &[&str]| Command::new("mount").args(words).status().expect("mount").success();
    assert!(mount(&["--bind", key.to_str().expect("text"), place.to_str().expect("text")]));
    let text = fs::read(&place).expect("read");
    assert!(Command::new("umount").arg(&place).status().expect("umount").success());
    assert_eq!(text, b"secret");
    let seen = sight.candidates();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!((seen[0].path.as_deref(), seen[0].check), (place.to_str(), Check::Name));
}

async fn other_names_are_not_told(sight: &mut Sight) {
    let stage = stage();
    sight.name(&["service_token"]);
    for name in ["service_tokem", "service_token2", "service_toke", "Service_token", "x"] {
        fs::write(stage.path().join(name), "").expect("create");
        fs::remove_file(stage.path().join(name)).expect("remove");
    }
    assert_eq!(told(sight), []);
}

async fn a_name_of_few_bytes_counts_whole(sight: &mut Sight) {
    let stage = stage();
    sight.name(&["key", "k"]);
    for name in ["kez", "keys", "ke", "l"] {
        fs::write(stage.path().join(name), "").expect("create");
    }
    assert_eq!(told(sight), []);
    for name in ["key", "k"] {
        fs::write(stage.path().join(name), "").expect("create");
        assert_eq!(told(sight), [(Operation::Create, Check::Name)], "{name}");
    }
}

async fn a_long_name_is_known_by_its_beginning_and_length(sight: &mut Sight) {
    let stage = stage();
    let name = format!("{}-{}", "a".repeat(60), "token");
    sight.name(&[&name]);
    let path: PathBuf = stage.path().join(&name);
    fs::write(&path, "secret").expect("create");
    assert_eq!(told(sight), [(Operation::Create, Check::Name)]);
    fs::write(stage.path().join(format!("{}y", "b".repeat(65))), "").expect("create");
    assert_eq!(told(sight), []);
}

/// As with so many traps that a file finds its slots taken by others.
async fn where_every_slot_is_taken_the_tables_decide(sight: &mut Sight) {
    let stage = stage();
    let decoy = stage.path().join("decoy");
    fs::write(&decoy, "secret").expect("plant");
    sight.arm(&decoy).await;
    sight.take_every_slot();
    // First what makes its place before it names anything.
    a_bind_mount_shows_its_own_name(sight).await;
    a_file_made_at_once_is_told_with_every_touch(sight).await;
    other_names_are_not_told(sight).await;
    assert_eq!(sight.seen().len(), 0);
    fs::read(&decoy).expect("read");
    sight.one("the decoy");
}
