//! The watcher on a real folder; no test depends on how long anything takes, only on that it happens.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use super::super::snapshot::Snapshot;
use super::fixture::{NAMESPACE, policy};
use super::watch::Watcher;

async fn until(
    receiver: &mut Receiver<Arc<Snapshot>>,
    what: &str,
    holds: impl FnMut(&Arc<Snapshot>) -> bool,
) {
    let waited = timeout(Duration::from_mins(1), receiver.wait_for(holds)).await;
    assert!(waited.is_ok_and(|outcome| outcome.is_ok()), "never: {what}");
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot
        .policies
        .iter()
        .flat_map(|policy| &policy.traps)
        .map(|trap| trap.file_path.as_str())
        .collect()
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("the folder is writable");
}

#[tokio::test]
async fn every_kind_of_change_is_followed() {
    let parent = TempDir::new().expect("a temporary folder");
    let folder = parent.path().join("manifests");
    fs::create_dir(&folder).expect("the parent is writable");
    let (watcher, mut receiver) =
        Watcher::start(&folder, NAMESPACE).expect("the folder is readable");
    let script = async {
        write(&folder, "a.yaml", &policy("a", &["/a"]));
        until(&mut receiver, "created", |now| paths(now) == ["/a"]).await;
        write(&folder, "a.yaml", &policy("a", &["/b"]));
        until(&mut receiver, "rewritten", |now| paths(now) == ["/b"]).await;
        write(&folder, "a.yaml", "kind: [");
        until(&mut receiver, "broken", |now| {
            paths(now) == ["/b"] && now.problems.len() == 1
        })
        .await;
        write(&folder, "new", &policy("a", &["/c"]));
        fs::rename(folder.join("new"), folder.join("a.yaml")).expect("same folder");
        until(&mut receiver, "replaced", |now| {
            paths(now) == ["/c"] && now.problems.is_empty()
        })
        .await;
        fs::remove_file(folder.join("a.yaml")).expect("the file is there");
        until(&mut receiver, "removed", |now| paths(now).is_empty()).await;
    };
    tokio::select! { () = script => {}, () = watcher.run() => panic!("a receiver is left") }
}

#[tokio::test]
async fn a_folder_may_go_and_come_back() {
    let parent = TempDir::new().expect("a temporary folder");
    let folder = parent.path().join("manifests");
    fs::create_dir(&folder).expect("the parent is writable");
    write(&folder, "a.yaml", &policy("a", &["/a"]));
    let (watcher, mut receiver) =
        Watcher::start(&folder, NAMESPACE).expect("the folder is readable");
    let script = async {
        let gone = parent.path().join("gone");
        fs::rename(&folder, &gone).expect("same parent");
        until(&mut receiver, "moved away", |now| {
            paths(now) == ["/a"] && now.problems.len() == 1
        })
        .await;
        let reason = receiver.borrow().problems[0].reason.clone();
        assert!(
            reason.ends_with("keeping all that was last read from it"),
            "{reason}"
        );
        // What happens in the old one is no news.
        write(&gone, "a.yaml", &policy("a", &["/wrong"]));
        fs::create_dir(&folder).expect("the parent is writable");
        write(&folder, "a.yaml", &policy("a", &["/b"]));
        until(&mut receiver, "back", |now| {
            paths(now) == ["/b"] && now.problems.is_empty()
        })
        .await;
        write(&folder, "a.yaml", &policy("a", &["/c"]));
        until(&mut receiver, "watched again", |now| paths(now) == ["/c"]).await;
    };
    tokio::select! { () = script => {}, () = watcher.run() => panic!("a receiver is left") }
}

#[tokio::test]
async fn the_watcher_ends_with_its_last_receiver() {
    let folder = TempDir::new().expect("a temporary folder");
    let (watcher, receiver) =
        Watcher::start(folder.path(), NAMESPACE).expect("the folder is readable");
    drop(receiver);
    timeout(Duration::from_mins(1), watcher.run())
        .await
        .expect("it ends");
}
