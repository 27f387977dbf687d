//! Which opens are seen: by each attach method, in a real kernel.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use koney_common::Counter;
use koney_tests::{by_each_method, kernel::Sight};

by_each_method!(
    an_open_is_one_record_and_other_files_are_none,
    every_name_leads_to_the_same_file,
    reading_writing_and_running_are_opens,
    a_disarmed_file_is_silent,
    an_overlays_open_is_one_record,
    the_same_inode_number_elsewhere_is_a_stranger,
    a_full_ring_is_counted_to_the_last_access,
    the_canary_is_seen_again_and_after_attaching_anew,
);

fn decoy(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("token");
    fs::write(&path, "secret").expect("plant the decoy");
    path
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folder")
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("start");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary names are text")
}

async fn an_open_is_one_record_and_other_files_are_none(sight: &mut Sight) {
    let folder = folder();
    let (decoy, other) = (decoy(folder.path()), folder.path().join("other"));
    fs::write(&other, "nothing").expect("write");
    let keys = sight.arm(&decoy).await;
    assert_eq!(sight.seen(), [], "arming raises nothing");
    File::open(&other).expect("open");
    fs::metadata(&decoy).expect("stat");
    assert_eq!(sight.seen(), [], "neither another file's open nor a stat is an access");
    File::open(&decoy).expect("open");
    let seen = sight.one("an open");
    assert_eq!((seen.trap, seen.key), (1, keys[0]));
    assert_eq!(seen.path.as_deref(), decoy.to_str());
    assert_eq!(seen.subject.pid, Some(std::process::id()));
    let counts = sight.detector.counts().expect("counters");
    let [seen, emitted, dropped] = [Counter::Seen, Counter::Emitted, Counter::Dropped].map(|counter| counts.get(counter));
    assert_eq!((seen, emitted, dropped, counts.get(Counter::Canary)), (1, 1, 0, 1));
}

async fn every_name_leads_to_the_same_file(sight: &mut Sight) {
    let folder = folder();
    let decoy = decoy(folder.path());
    let keys = sight.arm(&decoy).await;
    let at = |name: &str| folder.path().join(name);
    symlink(&decoy, at("symlink")).expect("symlink");
    symlink(folder.path(), at("symlinked-folder")).expect("symlink");
    fs::hard_link(&decoy, at("hard-link")).expect("link");
    fs::write(at("bind"), "").expect("mount point");
    run("mount", &["--bind", text(&decoy), text(&at("bind"))]);
    fs::create_dir(at("bound-folder")).expect("mount point");
    run("mount", &["--bind", text(folder.path()), text(&at("bound-folder"))]);
    let by_root = Path::new("/proc/self/root").join(decoy.strip_prefix("/").expect("absolute"));
    for name in [
        at("symlink"),
        at("symlinked-folder/token"),
        at("hard-link"),
        at("bind"),
        at("bound-folder/token"),
        at("../").join(folder.path().file_name().expect("a name")).join(".//token"),
        by_root,
    ] {
        File::open(&name).expect("open");
        assert_eq!(sight.one(text(&name)).key, keys[0], "{}", name.display());
    }
    fs::rename(&decoy, at("renamed")).expect("rename");
    assert_eq!(sight.seen(), []);
    File::open(at("renamed")).expect("open");
    let seen = sight.one("a renamed decoy");
    assert_eq!(seen.path.as_deref(), at("renamed").to_str(), "the name that was really used");
    for mount in ["bind", "bound-folder"] {
        run("umount", &[text(&at(mount))]);
    }
}

async fn reading_writing_and_running_are_opens(sight: &mut Sight) {
    let folder = folder();
    let decoy = folder.path().join("token");
    fs::write(&decoy, "#!/bin/sh\nexit 0\n").expect("plant the decoy");
    fs::set_permissions(&decoy, fs::Permissions::from_mode(0o755)).expect("chmod");
    sight.arm(&decoy).await;
    let mut file = File::open(&decoy).expect("open");
    let mut content = Vec::new();
    file.read_to_end(&mut content).expect("read");
    let read = sight.one("a read");
    assert_eq!(read.open_flags.map(|flags| flags & 3), Some(0), "O_RDONLY");
    OpenOptions::new().append(true).open(&decoy).expect("open").write_all(b"\n").expect("write");
    let written = sight.one("a write");
    assert_eq!(written.open_flags.map(|flags| flags & 3), Some(1), "O_WRONLY");
    run(text(&decoy), &[]);
    let ran = sight.seen();
    // The kernel opens the script to run it, the shell to read it.
    assert_eq!(ran.len(), 2, "{ran:#?}");
    assert_ne!(ran[0].subject.pid, Some(std::process::id()));
}

async fn a_disarmed_file_is_silent(sight: &mut Sight) {
    let folder = folder();
    let decoy = decoy(folder.path());
    let keys = sight.arm(&decoy).await;
    sight.detector.pool().disarm(&keys);
    File::open(&decoy).expect("open");
    assert_eq!(sight.seen(), []);
    sight.arm(&decoy).await;
    File::open(&decoy).expect("open");
    assert_eq!(sight.one("armed again").trap, 2);
}

async fn an_overlays_open_is_one_record(sight: &mut Sight) {
    let folder = folder();
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir(folder.path().join(name)).expect("mkdir");
    }
    let lower = folder.path().join("lower/token");
    fs::write(&lower, "secret").expect("plant the decoy");
    let options = format!("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", folder.path().display());
    run("mount", &["-t", "overlay", "overlay", "-o", &options, text(&folder.path().join("merged"))]);
    let merged = folder.path().join("merged/token");
    let keys = sight.arm(&merged).await;
    assert_eq!(keys.len(), 2, "the overlay's own inode and the one behind it");
    File::open(&merged).expect("open");
    let seen = sight.one("an open through the overlay");
    assert_eq!((seen.key, seen.nested), (keys[0], false));
    assert_eq!(sight.detector.counts().expect("counters").get(Counter::Nested), 1);
    File::open(&lower).expect("open");
    assert_eq!(sight.one("an open behind the overlay's back").key, keys[1]);
    run("umount", &[text(&folder.path().join("merged"))]);
}

async fn the_same_inode_number_elsewhere_is_a_stranger(sight: &mut Sight) {
    // Two fresh file systems count their inodes alike.
    let folder = folder();
    let paths = ["a", "b"].map(|name| folder.path().join(name));
    for path in &paths {
        fs::create_dir(path).expect("mkdir");
        run("mount", &["-t", "tmpfs", "-o", "inode32", "tmpfs", text(path)]);
        fs::write(path.join("token"), "secret").expect("write");
    }
    let [trap, stranger] = paths.each_ref().map(|path| path.join("token"));
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).expect("stat"));
    assert_eq!(inode(&trap), inode(&stranger), "the test needs two files of one inode number");
    sight.arm(&trap).await;
    File::open(&stranger).expect("open");
    assert_eq!(sight.seen(), []);
    File::open(&trap).expect("open");
    sight.one("the trap itself");
    for path in &paths {
        run("umount", &[text(path)]);
    }
}

async fn a_full_ring_is_counted_to_the_last_access(sight: &mut Sight) {
    const ACCESSES: u64 = 2_000;
    let folder = folder();
    let decoy = decoy(folder.path());
    sight.arm(&decoy).await;
    let before = sight.detector.counts().expect("counters");
    // Nobody reads the ring meanwhile, and it holds some hundred records.
    for _ in 0..ACCESSES {
        File::open(&decoy).expect("open");
    }
    let counts = sight.detector.counts().expect("counters");
    let since = |counter| counts.get(counter) - before.get(counter);
    assert_eq!(since(Counter::Seen), ACCESSES);
    assert!(since(Counter::Dropped) > 0, "{counts:?}");
    assert_eq!(since(Counter::Slotted), 1, "one access of the trap is kept in few words");
    assert_eq!(since(Counter::Emitted) + 1 + since(Counter::Dropped), ACCESSES, "seen = emitted + slotted + dropped");
    assert_eq!(sight.seen().len() as u64, since(Counter::Emitted), "what was emitted comes out");
    let slots = sight.detector.slots().take().expect("the slots can be read");
    let kept: Vec<_> = slots.iter().map(|(trap, slot)| (*trap, slot.init_pid)).collect();
    assert_eq!(kept, [(1, std::process::id())]);
    assert_eq!(sight.detector.slots().take().expect("the slots can be read").len(), 0, "taken once");
    File::open(&decoy).expect("open");
    sight.one("after the ring was read");
}

async fn the_canary_is_seen_again_and_after_attaching_anew(sight: &mut Sight) {
    let touched = |sight: &Sight| sight.detector.counts().expect("counters").get(Counter::Canary);
    let before = touched(sight);
    sight.detector.touch_canary().expect("touch");
    assert_eq!(touched(sight), before + 1);
    let folder = folder();
    let decoy = decoy(folder.path());
    sight.arm(&decoy).await;
    sight.reattach();
    File::open(&decoy).expect("open");
    sight.one("what was armed is armed after attaching anew");
}
