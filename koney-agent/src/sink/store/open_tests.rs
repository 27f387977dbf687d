//! Files that are missing, broken, newer or taken away.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use super::tests::{after, alert, ids, on_disk, push, start};
use super::*;
use crate::sink::SinkId;

const FILE: &str = "koney-system_prod.redb";

/// A folder whose files can be made to fail.
#[derive(Debug)]
struct Flaky {
    folder: Folder,
    fails: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FlakyFile {
    file: Box<dyn StorageBackend>,
    fails: Arc<AtomicBool>,
}

impl FlakyFile {
    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::Relaxed) { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    }
}

impl StorageBackend for FlakyFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

impl Medium for Flaky {
    fn open(&self, ending: &str, bound: u64) -> io::Result<Box<dyn StorageBackend>> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(Box::new(FlakyFile { file: self.folder.open(ending, bound)?, fails: Arc::clone(&self.fails) }))
    }

    fn read(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.folder.read()
    }

    fn set_aside(&self, ending: &str) -> io::Result<()> {
        self.folder.set_aside(ending)
    }

    fn remove(&self, ending: &str) -> io::Result<()> {
        self.folder.remove(ending)
    }

    fn endings(&self) -> io::Result<Vec<String>> {
        self.folder.endings()
    }
}

fn bounds() -> Bounds {
    Bounds { file: 8 << 20, ..Bounds::default() }
}

fn flaky(folder: &tempfile::TempDir, fails: bool) -> (Store, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(fails));
    let medium = Flaky { folder: Folder::new(folder.path(), &SinkId::new("koney-system", "prod")), fails: Arc::clone(&fails) };
    (Store::open(Some(Arc::new(medium)), bounds(), start()), fails)
}

fn rows(store: &mut Store) -> Vec<AlertId> {
    ids(&store.take(after(600), BatchLimits::USUAL, &[]).letters)
}

fn endings(folder: &tempfile::TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("ASCII"))
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn a_disk_that_fails_is_left_for_memory_and_come_back_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut store, fails) = flaky(&folder, false);
    push(&mut store, start(), &[alert(1, 1, 0), alert(2, 1, 0), alert(3, 1, 0)]);
    fails.store(true, Ordering::Relaxed);
    let pushed = push(&mut store, start(), &[alert(4, 1, 0)]);
    assert_eq!((pushed.stored, pushed.durable), (1, false));
    assert!(matches!(&store.news()[..], [News::InMemory { reason }] if reason.contains("read-only")), "{:?}", store.stats());
    // What is on disk can be read still, and what is removed meanwhile stays removed.
    assert_eq!(rows(&mut store).len(), 4);
    store.remove(&[alert(1, 1, 0).id], after(1));
    store.bury(&alert(2, 1, 0).id, "no", after(1));
    fails.store(false, Ordering::Relaxed);
    assert!(!push(&mut store, after(2), &[alert(5, 1, 0)]).durable, "not before a minute has passed");
    assert!(push(&mut store, after(60), &[alert(6, 1, 0)]).durable);
    assert_eq!((store.news(), store.stats().volatile), (vec![News::OnDisk], 0));
    drop(store);
    let mut store = on_disk(&folder);
    assert_eq!(rows(&mut store), [3, 4, 5, 6].map(|policy| alert(policy, 1, 0).id));
    assert_eq!(store.dead()[0].id, alert(2, 1, 0).id);
    assert_eq!(push(&mut store, after(61), &[alert(1, 1, 0), alert(5, 1, 0)]).known, 2);
}

#[test]
fn a_read_only_disk_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    push(&mut on_disk(&folder), start(), &[alert(1, 1, 0), alert(2, 1, 0)]);
    let (mut store, fails) = flaky(&folder, true);
    assert!(matches!(store.news()[..], [News::InMemory { .. }]));
    assert_eq!(rows(&mut store).len(), 2);
    store.remove(&[alert(1, 1, 0).id], start());
    push(&mut store, start(), &[alert(3, 1, 0), alert(2, 1, 0)]);
    fails.store(false, Ordering::Relaxed);
    store.tend(after(60));
    drop(store);
    assert_eq!(rows(&mut on_disk(&folder)), [2, 3].map(|policy| alert(policy, 1, 0).id));
}

#[test]
fn a_folder_that_cannot_be_made_means_memory() {
    let medium = Folder::new(PathBuf::from("/dev/null/spool"), &SinkId::new("koney-system", "prod"));
    let mut store = Store::open(Some(Arc::new(medium)), bounds(), start());
    assert!(matches!(store.stats().place, Place::Memory { .. }));
    assert_eq!(push(&mut store, start(), &[alert(1, 1, 0)]).stored, 1);
    assert_eq!(rows(&mut store).len(), 1);
}

#[test]
fn a_disk_without_room_for_the_bound_means_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { file: 1 << 50, ..Bounds::default() };
    let mut store = super::tests::with_bounds(&folder, bounds);
    assert!(!push(&mut store, start(), &[alert(1, 1, 0)]).durable);
    assert!(matches!(store.stats().place, Place::Memory { .. }));
}

#[test]
fn what_another_process_has_open_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = on_disk(&folder);
    push(&mut first, start(), &[alert(1, 1, 0)]);
    let mut second = on_disk(&folder);
    assert!(matches!(&second.stats().place, Place::Memory { reason } if reason.contains("another process")));
    push(&mut second, start(), &[alert(2, 1, 0)]);
    assert_eq!(rows(&mut second), [alert(2, 1, 0).id]);
    drop(first);
    second.tend(after(60));
    assert_eq!(rows(&mut second), [1, 2].map(|policy| alert(policy, 1, 0).id));
    assert_eq!(second.stats().place, Place::Disk);
}

#[test]
fn a_corrupt_file_is_set_aside_and_three_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    for time in 0..5 {
        fs::write(folder.path().join(FILE), vec![u8::try_from(time).expect("few"); 100_000]).expect("written");
        let medium = Folder::new(folder.path(), &SinkId::new("koney-system", "prod"));
        let mut store = Store::open(Some(Arc::new(medium)), bounds(), after(time));
        assert!(matches!(store.news()[..], [News::Corrupt { .. }]), "{:?}", store.stats());
        assert!(push(&mut store, start(), &[alert(1, 1, 0)]).durable);
    }
    let corrupt = |time| format!("{FILE}.corrupt-{}", after(time).as_second());
    assert_eq!(endings(&folder), [FILE.to_owned(), corrupt(2), corrupt(3), corrupt(4)]);
}

#[test]
fn any_torn_page_is_noticed_and_never_fatal() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = on_disk(&folder);
    push(&mut store, start(), &(1..=50).map(|policy| alert(policy, 1, 0)).collect::<Vec<_>>());
    drop(store);
    let path = folder.path().join(FILE);
    let whole = fs::read(&path).expect("readable");
    for page in (0..whole.len()).step_by(4096) {
        let mut torn = whole.clone();
        torn[page + 64..(page + 4096).min(whole.len())].fill(0xA5);
        fs::write(&path, torn).expect("written");
        let mut store = on_disk(&folder);
        // Either the page held nothing, or the file is set aside; what is handed out is whole.
        let (news, rows) = (store.news(), rows(&mut store));
        assert!(rows.len() == 50 || (rows.is_empty() && matches!(news[..], [News::Corrupt { .. }])), "page {page}: {news:?}");
        assert!(push(&mut store, start(), &[alert(99, 1, 0)]).durable);
    }
}

#[test]
fn a_newer_file_is_set_aside_and_taken_in_again_by_who_knows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    push(&mut on_disk(&folder), start(), &[alert(1, 1, 0)]);
    {
        let database = redb::Database::open(folder.path().join(FILE)).expect("a file");
        let transaction = database.begin_write().expect("one writer");
        transaction.open_table(redb::TableDefinition::<&str, u64>::new("meta")).expect("ours").insert("format", 2).expect("room");
        transaction.commit().expect("room");
    }
    let mut store = on_disk(&folder);
    assert_eq!(store.news(), [News::Newer { version: 2, ending: ".v2".to_owned() }]);
    assert!(rows(&mut store).is_empty() && push(&mut store, start(), &[alert(2, 1, 0)]).durable);
    drop(store);
    // This agent is the newer one for a file that an older one has set aside.
    let other = tempfile::tempdir().expect("a folder");
    push(&mut on_disk(&other), start(), &[alert(3, 1, 0)]);
    fs::rename(other.path().join(FILE), folder.path().join(format!("{FILE}.v1"))).expect("renamed");
    let mut store = on_disk(&folder);
    assert_eq!(store.news(), [News::TakenIn { rows: 1 }]);
    assert_eq!(rows(&mut store), [2, 3].map(|policy| alert(policy, 1, 0).id));
    assert_eq!(endings(&folder), [FILE.to_owned(), format!("{FILE}.v2")]);
}
