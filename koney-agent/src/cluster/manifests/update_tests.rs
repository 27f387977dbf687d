//! What a folder says after it changed.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::snapshot::SecretState;
use super::fixture::{Folder, SECRET, SINK, policy};

#[test]
fn an_object_that_turns_invalid_stays_as_it_was() {
    let mut folder = Folder::new();
    let valid = policy("p", &["/old"]);
    folder.write("a.yaml", &valid).read();
    let place = "a.yaml:8: DeceptionPolicy/p spec.traps[0].filesystemHoneytoken";
    let cases = [
        (
            policy("p", &["new"]),
            format!("{place}.filePath: must be absolute, got \"new\", keeping the last valid version; write it with a leading /"),
        ),
        (
            policy("p", &["[]"]),
            format!("{place}.filePath: must be a string, got a list, keeping the last valid version; correct the value"),
        ),
        (
            valid.replace("kind: DeceptionPolicy", "kind: DeceptionPolcy"),
            "a.yaml:2: kind: unknown kind \"DeceptionPolcy\", keeping the last valid version; did you mean DeceptionPolicy?".to_owned(),
        ),
    ];
    for (text, expected) in cases {
        folder.write("a.yaml", text).read();
        assert_eq!(folder.problems(), [expected]);
        assert_eq!(folder.traps(), ["p:/old"]);
    }
    folder.write("a.yaml", policy("p", &["/new"])).read();
    assert_eq!(
        (folder.problems(), folder.traps()),
        (vec![], vec!["p:/new".to_owned()])
    );
}

#[test]
fn a_file_that_is_no_yaml_any_more_keeps_its_objects_and_others_change() {
    let mut folder = Folder::new();
    folder.write(
        "a.yaml",
        format!("{}---\n{}", policy("a1", &["/1"]), policy("a2", &["/2"])),
    );
    folder.write("b.yaml", policy("b", &["/b"])).read();
    folder.write(
        "a.yaml",
        format!("{}---\nkind: {{\n", policy("a1", &["/changed"])),
    );
    folder.write("b.yaml", policy("c", &["/c"])).read();
    assert_eq!(folder.traps(), ["a1:/changed", "a2:/2", "c:/c"]);
    let problems = folder.problems();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains("keeping the last valid version"),
        "{}",
        problems[0]
    );
    // Kept for as long as it takes, not for one reading only.
    folder.read();
    assert_eq!(folder.traps(), ["a1:/changed", "a2:/2", "c:/c"]);
    folder.write("a.yaml", policy("a1", &["/changed"])).read();
    assert_eq!(folder.traps(), ["a1:/changed", "c:/c"]);
}

#[test]
fn removed_files_and_documents_take_their_objects_along() {
    let mut folder = Folder::new();
    folder.write(
        "a.yaml",
        format!("{}---\n{}", policy("a1", &["/1"]), policy("a2", &["/2"])),
    );
    folder.write("b.yaml", policy("b", &["/b"])).read();
    folder
        .write("a.yaml", policy("a2", &["/2"]))
        .remove("b.yaml")
        .read();
    assert_eq!(folder.traps(), ["a2:/2"]);
}

#[test]
fn a_renamed_file_and_a_moved_object_stay_in_force() {
    let mut folder = Folder::new();
    folder.write("a.yaml", policy("p", &["/p"])).read();
    folder
        .write("b.yaml", policy("p", &["p"]))
        .remove("a.yaml")
        .read();
    assert_eq!(folder.traps(), ["p:/p"], "invalid where it was moved to");
    folder.write("new", policy("p", &["/q"]));
    fs::rename(folder.path().join("new"), folder.path().join("b.yaml")).expect("same folder");
    folder.read();
    assert_eq!(
        (folder.problems(), folder.traps()),
        (vec![], vec!["p:/q".to_owned()])
    );
}

#[test]
fn an_invalid_object_does_not_stand_in_the_way_of_its_valid_namesake() {
    let mut folder = Folder::new();
    folder.write("a.yaml", policy("p", &["/a"])).read();
    folder
        .write("a.yaml", policy("p", &["a"]))
        .write("b.yaml", policy("p", &["/b"]))
        .read();
    assert_eq!(folder.traps(), ["p:/b"]);
    assert!(
        !folder.problems()[0].contains("keeping"),
        "{:?}",
        folder.problems()
    );
}

#[test]
fn a_config_map_mount_changes_by_a_swapped_link() {
    let mut folder = Folder::new();
    for (version, path) in [("..v1", "/one"), ("..v2", "/two")] {
        fs::create_dir(folder.path().join(version)).expect("the folder is writable");
        folder.write(&format!("{version}/p.yaml"), policy("p", &[path]));
    }
    symlink("..v1", folder.path().join("..data")).expect("the folder is writable");
    symlink("..data/p.yaml", folder.path().join("p.yaml")).expect("the folder is writable");
    folder.read();
    assert_eq!(folder.traps(), ["p:/one"]);
    symlink("..v2", folder.path().join("..data_tmp")).expect("the folder is writable");
    fs::rename(
        folder.path().join("..data_tmp"),
        folder.path().join("..data"),
    )
    .expect("same folder");
    folder.read();
    assert_eq!(folder.traps(), ["p:/two"]);
}

#[test]
fn a_sink_follows_its_secret_and_both_survive_a_mistake() {
    let mut folder = Folder::new();
    folder
        .write("sink.yaml", SINK)
        .write("secret.yaml", SECRET)
        .read();
    folder.write("sink.yaml", SINK.replace("CRITICAL", "URGENT"));
    folder
        .write("secret.yaml", SECRET.replace("stringData", "data"))
        .read();
    assert!(matches!(folder.last.sinks[0].secret, SecretState::Found(_)));
    assert_eq!(folder.problems().len(), 3, "{:?}", folder.problems());
    assert!(
        folder
            .problems()
            .iter()
            .all(|problem| problem.contains("keeping the last valid version"))
    );
    folder.remove("secret.yaml").read();
    assert!(matches!(
        folder.last.sinks[0].secret,
        SecretState::Missing(_)
    ));
    assert_eq!(
        folder.problems()[0],
        "sink.yaml: DeceptionAlertSink/koney-system/dynatrace spec.dynatrace.secretName: there is no Secret \
         \"dynatrace-api\" in the agent's namespace; add it to the folder"
    );
}
