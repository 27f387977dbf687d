//! What is told of changes to a decoy: by each attach method, in a real kernel.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::PathBuf,
};

use koney_agent::event::{Check, Operation};
use koney_tests::{by_each_method, kernel::Sight};
use rustix::fs::{RenameFlags, renameat_with};

by_each_method!(changes: every_change_is_told_once_by_its_name, opens_tell_what_they_are_for, another_file_takes_the_decoys_place);

async fn decoy(sight: &mut Sight) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("token");
    fs::write(&path, "secret").expect("plant the decoy");
    sight.arm(&path).await;
    (folder, path)
}

fn told(sight: &mut Sight) -> Vec<Operation> {
    let seen = sight.seen();
    assert!(seen.iter().all(|seen| seen.check == Check::Identity), "{seen:#?}");
    seen.into_iter().map(|seen| seen.operation).collect()
}

async fn every_change_is_told_once_by_its_name(sight: &mut Sight) {
    let (folder, path) = decoy(sight).await;
    let other = folder.path().join("other");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
    assert_eq!(told(sight), [Operation::Chmod]);
    chown(&path, Some(1000), None).expect("chown");
    assert_eq!(told(sight), [Operation::Chown]);
    rustix::fs::setxattr(&path, "trusted.koney", b"x", rustix::fs::XattrFlags::empty()).expect("setxattr");
    assert_eq!(told(sight), [Operation::Setxattr]);
    fs::hard_link(&path, &other).expect("ln");
    assert_eq!(told(sight), [Operation::Link]);
    fs::remove_file(&other).expect("rm");
    assert_eq!(told(sight), [Operation::Unlink]);
    fs::rename(&path, &other).expect("mv");
    fs::rename(&other, &path).expect("mv back");
    assert_eq!(told(sight), [Operation::Rename, Operation::Rename]);
    fs::write(&other, "").expect("create another file");
    renameat_with(rustix::fs::CWD, &other, rustix::fs::CWD, &path, RenameFlags::EXCHANGE).expect("exchange");
    let mut both = told(sight);
    both.sort_by_key(|operation| operation.name());
    assert_eq!(both, [Operation::Rename, Operation::Replace]);
}

async fn opens_tell_what_they_are_for(sight: &mut Sight) {
    let (_folder, path) = decoy(sight).await;
    File::open(&path).expect("open");
    OpenOptions::new().append(true).open(&path).expect("append");
    File::create(&path).expect("O_TRUNC");
    assert_eq!(told(sight), [Operation::Open, Operation::Write, Operation::Write]);
    // What std has for it opens the file first.
    let truncated = std::process::Command::new("truncate").args(["-s", "1"]).arg(&path).status().expect("start");
    assert!(truncated.success());
    let operations = told(sight);
    assert_eq!(operations, [Operation::Write, Operation::Truncate], "by descriptor, as busybox and coreutils do it");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("chmod");
    assert_eq!(told(sight), [Operation::Chmod]);
    // Neither a script nor a program: the kernel looks, and refuses.
    std::process::Command::new(&path).spawn().expect_err("not executable text");
    assert_eq!(told(sight), [Operation::Exec]);
}

async fn another_file_takes_the_decoys_place(sight: &mut Sight) {
    let (folder, path) = decoy(sight).await;
    sight.name(&["token"]);
    let other = folder.path().join("other");
    fs::write(&other, "").expect("create another file");
    fs::rename(&other, &path).expect("mv over it");
    assert_eq!(told(sight), [Operation::Replace]);
    fs::remove_file(&path).expect("rm");
    symlink("/etc/hostname", &path).expect("ln -s");
    let seen = sight.candidates();
    let what: Vec<_> = seen.iter().map(|seen| (seen.operation, seen.check)).collect();
    assert_eq!(what, [(Operation::Unlink, Check::Name), (Operation::Symlink, Check::Name)]);
    // The hooks know no mount: from the file system's root on, where neither the root nor the working directory is on it.
    let path = path.to_str().expect("text");
    assert!(seen.iter().all(|seen| seen.path.as_deref().is_some_and(|told| path.ends_with(told))), "{seen:#?}");
}
