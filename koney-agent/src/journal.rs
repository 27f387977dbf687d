//! Records that are held until it is known whose they are, on disk: a kill in those seconds loses none.
//!
//! In come records as the kernel wrote them, and word that one is settled; out come those that an agent before this one held when it
//! ended. Each agent has a file of its own, for two live side by side while one takes over from the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use redb::{Builder, Database, DatabaseError, ReadableTable as _, TableDefinition};
use tracing::{debug, error, warn};

use crate::event::Observation;

/// Of a journal that cannot be written.
const REMEDY: &str = "make the folder of --state writable and its disk large enough";

/// Records by their ids.
const HELD: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("held");
/// What the records are of.
const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("about");
const BOOT: &str = "boot";

/// Agents that can live side by side.
const AGENTS: u32 = 8;
/// Records that are kept; whoever makes more be held at a time is an intruder who floods.
const MOST: usize = 4096;
const CACHE: usize = 1 << 20;

/// One access: when, by whom, to which file, how.
pub type RecordId = [u8; 29];

/// The journal of one agent.
#[derive(Debug, Default)]
pub struct Journal {
    /// `None` where nothing can be kept.
    file: Option<Database>,
    /// What is held.
    kept: BTreeSet<RecordId>,
    /// What an earlier agent has left in this file, not told yet.
    old: BTreeSet<RecordId>,
    /// Files of earlier agents, to be removed once all of theirs is told or held.
    others: Vec<PathBuf>,
    recalled: bool,
    changes: BTreeMap<RecordId, Option<Vec<u8>>>,
}

/// What earlier agents held when they ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Of this boot, as the kernel wrote them.
    pub records: Vec<Vec<u8>>,
    /// How many there are of earlier boots, whose times and processes mean nothing any more.
    pub of_other_boots: usize,
}

impl Journal {
    /// Opens one in a folder, and gives what is in those of agents that have ended.
    #[must_use]
    pub fn open(folder: &Path, boot_id: &str) -> (Self, Left) {
        let (mut journal, mut left) = (Self::default(), Left::default());
        if let Err(error) = fs::create_dir_all(folder) {
            warn!(folder = %folder.display(), %error, remedy = REMEDY, "no journal: a kill loses accesses that are held for some seconds");
            return (journal, left);
        }
        for number in 0..AGENTS {
            let path = folder.join(format!("held-{number}.redb"));
            if journal.file.is_some() && !path.exists() {
                continue;
            }
            match open(&path, boot_id) {
                Ok(Some((file, found))) => journal.take(file, found, path, &mut left),
                // An agent lives that has it.
                Ok(None) => {}
                Err(error) => set_aside(&path, error.as_ref()),
            }
        }
        if journal.file.is_none() {
            warn!(folder = %folder.display(), remedy = REMEDY, "no journal: a kill loses accesses that are held for some seconds");
        }
        (journal, left)
    }

    fn take(&mut self, file: Database, found: Found, path: PathBuf, left: &mut Left) {
        let Found { records, of_other_boots } = found;
        left.of_other_boots += of_other_boots;
        let own = self.file.is_none();
        for (id, record) in records {
            if own {
                self.old.insert(id);
            }
            left.records.push(record);
        }
        if own {
            self.file = Some(file);
        } else {
            self.others.push(path);
        }
    }

    /// A record is held.
    pub fn hold(&mut self, id: RecordId, record: &[u8]) {
        if self.file.is_none() || self.kept.len() >= MOST || !self.kept.insert(id) {
            return;
        }
        if !self.old.remove(&id) {
            self.changes.insert(id, Some(record.to_vec()));
        }
    }

    /// One that may have been held is told, or is nobody's business.
    pub fn settle(&mut self, id: &RecordId) {
        // One that is not written yet never is.
        if self.kept.remove(id) && !matches!(self.changes.remove(id), Some(Some(_))) {
            self.changes.insert(*id, None);
        }
    }

    /// Everything that earlier agents have left was told, or is held anew.
    pub fn recalled(&mut self) {
        self.changes.extend(std::mem::take(&mut self.old).into_iter().map(|id| (id, None)));
        self.recalled = true;
    }

    /// Nothing has changed since it was written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.changes.is_empty() && !self.recalled
    }

    /// Writes what has changed; on disk when this returns. Where that fails it goes on without a file.
    pub fn sync(&mut self) {
        if let Some(file) = &self.file
            && !self.changes.is_empty()
            && let Err(error) = write(file, &self.changes)
        {
            error!(%error, remedy = REMEDY, "the journal cannot be written: a kill loses accesses that are held for some seconds");
            self.file = None;
        }
        if !self.changes.is_empty() {
            debug!(changes = self.changes.len(), held = self.kept.len(), "the journal is written");
        }
        self.changes.clear();
        if std::mem::take(&mut self.recalled) {
            for path in self.others.drain(..) {
                // What stays behind is told again by the next agent, under the same ids.
                fs::remove_file(path).ok();
            }
        }
    }
}

/// Tells records apart.
#[must_use]
pub fn id(seen: &Observation) -> RecordId {
    let mut id = [0; 29];
    let fields: [&[u8]; 5] = [
        &seen.boot_ns.to_be_bytes(),
        &seen.subject.init_tid.to_be_bytes(),
        &seen.key.inode.to_be_bytes(),
        &seen.key.device.to_be_bytes(),
        &[seen.operation.code()],
    ];
    for (place, byte) in id.iter_mut().zip(fields.into_iter().flatten()) {
        *place = *byte;
    }
    id
}

#[derive(Default)]
struct Found {
    records: Vec<(RecordId, Vec<u8>)>,
    of_other_boots: usize,
}

/// `None` where another agent has it open. What is of another boot is removed.
fn open(path: &Path, boot_id: &str) -> Result<Option<(Database, Found)>, Box<redb::Error>> {
    let file = match Builder::new().set_cache_size(CACHE).create(path) {
        Ok(file) => file,
        Err(DatabaseError::DatabaseAlreadyOpen) => return Ok(None),
        Err(error) => return Err(Box::new(error.into())),
    };
    let found = read(&file, boot_id).map_err(Box::new)?;
    Ok(Some((file, found)))
}

fn read(file: &Database, boot_id: &str) -> Result<Found, redb::Error> {
    let mut found = Found::default();
    let writing = file.begin_write()?;
    {
        let (mut held, mut about) = (writing.open_table(HELD)?, writing.open_table(ABOUT)?);
        let same = about.get(BOOT)?.is_none_or(|boot| boot.value() == boot_id);
        for row in held.iter()? {
            let (id, record) = row?;
            match RecordId::try_from(id.value()) {
                Ok(id) if same => found.records.push((id, record.value().to_vec())),
                _ => found.of_other_boots += 1,
            }
        }
        if !same {
            held.retain(|_, _| false)?;
        }
        about.insert(BOOT, boot_id)?;
    }
    writing.commit()?;
    Ok(found)
}

fn write(file: &Database, changes: &BTreeMap<RecordId, Option<Vec<u8>>>) -> Result<(), Box<redb::Error>> {
    let write = || -> Result<(), redb::Error> {
        let writing = file.begin_write()?;
        {
            let mut held = writing.open_table(HELD)?;
            for (id, change) in changes {
                match change {
                    Some(record) => held.insert(id.as_slice(), record.as_slice())?.map(drop),
                    None => held.remove(id.as_slice())?.map(drop),
                };
            }
        }
        Ok(writing.commit()?)
    };
    write().map_err(Box::new)
}

/// One that cannot be read does not keep the agent from starting.
fn set_aside(path: &Path, error: &redb::Error) {
    let aside = path.with_extension("unreadable");
    error!(path = %path.display(), %error, kept_as = %aside.display(), "a journal cannot be read; what it held is lost, look at the disk");
    if let Err(error) = fs::rename(path, &aside) {
        warn!(path = %path.display(), %error, remedy = REMEDY, "it cannot be set aside either");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u8) -> RecordId {
        [number; 29]
    }

    #[test]
    fn what_was_held_at_a_kill_is_there_for_the_next_agent_until_it_is_settled() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut first, left) = Journal::open(folder.path(), "boot");
        assert_eq!(left, Left::default());
        for (id, record) in [(1, b"one".as_slice()), (2, b"two"), (3, b"three")] {
            first.hold(number(id), record);
        }
        first.sync();
        first.settle(&number(2));
        first.sync();
        // Not on disk yet when it is killed.
        first.hold(number(4), b"four");

        // The next one starts while the first still lives: it has a file of its own.
        let (second, nothing) = Journal::open(folder.path(), "boot");
        assert_eq!(nothing, Left::default());
        drop((first, second));
        let (mut third, left) = Journal::open(folder.path(), "boot");
        assert_eq!(left.records, [b"one".to_vec(), b"three".to_vec()]);
        third.hold(number(3), b"three");
        third.recalled();
        third.sync();
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "those of ended agents are gone");
        drop(third);
        let (_fourth, left) = Journal::open(folder.path(), "boot");
        assert_eq!(left.records, [b"three".to_vec()]);
    }

    #[test]
    fn what_is_of_another_boot_is_counted_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut first, _) = Journal::open(folder.path(), "boot");
        first.hold(number(1), b"one");
        first.sync();
        drop(first);
        let (second, left) = Journal::open(folder.path(), "another");
        assert_eq!(left, Left { records: Vec::new(), of_other_boots: 1 });
        drop(second);
        let (_third, left) = Journal::open(folder.path(), "another");
        assert_eq!(left, Left::default());
    }

    #[test]
    fn one_that_cannot_be_read_is_set_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("held-0.redb"), [7; 9000]).expect("write");
        let (mut journal, left) = Journal::open(folder.path(), "boot");
        assert_eq!(left, Left::default());
        assert!(folder.path().join("held-0.unreadable").exists());
        journal.hold(number(1), b"one");
        journal.sync();
        drop(journal);
        assert_eq!(Journal::open(folder.path(), "boot").1.records, [b"one".to_vec()]);
    }

    #[test]
    fn without_a_folder_nothing_is_kept_and_nothing_fails() {
        let (mut journal, left) = Journal::open(Path::new("/proc/no-such-folder"), "boot");
        assert_eq!(left, Left::default());
        journal.hold(number(1), b"one");
        journal.settle(&number(1));
        journal.sync();
    }
}
