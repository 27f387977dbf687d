//! A disk that fills, turns read-only, and loses power in the middle of a write.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use koney_agent::sink::store::Medium;
use redb::StorageBackend;

/// What a disk writes whole.
const SECTOR: usize = 512;

/// What ended an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// SIGKILL: whatever was written is there.
    Kill,
    /// What was not synced may be there in part.
    PowerCut,
}

/// The disk, and through it the files of one queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, File>,
    full: bool,
    read_only: bool,
    /// Operations until the agent dies.
    fuse: Option<u32>,
    dead: bool,
    /// Handles of earlier agents do nothing any more.
    generation: u64,
    random: Option<fastrand::Rng>,
}

#[derive(Debug, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Operation>,
    reserved: bool,
}

#[derive(Clone, Debug)]
enum Operation {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug)]
struct Handle {
    disk: Disk,
    ending: String,
    generation: u64,
    writes: bool,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.lock().random = Some(fastrand::Rng::with_seed(seed));
        disk
    }

    /// The agent dies within so many operations.
    pub(super) fn arm(&self, operations: u32) {
        self.lock().fuse = Some(operations);
    }

    /// It does not, after all.
    pub(super) fn disarm(&self) {
        self.lock().fuse = None;
    }

    /// The agent is dead.
    pub(super) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Others fill the disk, or free it again.
    pub(super) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// The kernel makes it read-only after an error, or a person mends that.
    pub(super) fn set_read_only(&self, read_only: bool) {
        self.lock().read_only = read_only;
    }

    /// What the next agent finds.
    pub(super) fn crash(&self, crash: Crash) {
        let mut state = self.lock();
        let mut random = state.random.take().unwrap_or_default();
        state.generation += 1;
        (state.dead, state.fuse) = (false, None);
        for file in state.files.values_mut() {
            if crash == Crash::PowerCut {
                let mut bytes = file.synced.clone();
                for operation in &file.unsynced {
                    match random.u8(..3) {
                        0 => {}
                        1 => operation.apply(&mut bytes),
                        _ => operation.torn(&mut random).apply(&mut bytes),
                    }
                }
                file.now = bytes;
            }
            file.synced = file.now.clone();
            file.unsynced.clear();
        }
        state.random = Some(random);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, ending: &str, writes: bool) -> Box<dyn StorageBackend> {
        let generation = self.lock().generation;
        Box::new(Handle { disk: self.clone(), ending: ending.to_owned(), generation, writes })
    }
}

impl State {
    /// Whether the agent lives on after this operation.
    fn burn(&mut self) -> io::Result<()> {
        if self.dead {
            return Err(io::Error::other("the agent is dead"));
        }
        if let Some(fuse) = &mut self.fuse {
            *fuse = fuse.saturating_sub(1);
            if *fuse == 0 {
                self.dead = true;
                return Err(io::Error::other("the agent dies"));
            }
        }
        Ok(())
    }

    fn writable(&self) -> io::Result<()> {
        if self.read_only { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    }
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*offset..end) {
                    place.copy_from_slice(data);
                }
            }
        }
    }

    /// Some of its sectors.
    fn torn(&self, random: &mut fastrand::Rng) -> Self {
        match self {
            Self::Write(offset, data) => {
                let sectors = random.usize(..=data.len().div_ceil(SECTOR));
                Self::Write(*offset, data.get(..(sectors * SECTOR).min(data.len())).unwrap_or_default().to_vec())
            }
            Self::Length(length) => Self::Length(*length),
        }
    }
}

impl Medium for Disk {
    fn open(&self, ending: &str, _: u64) -> io::Result<Box<dyn StorageBackend>> {
        {
            let mut state = self.lock();
            state.burn()?;
            state.writable()?;
            let full = state.full;
            let file = state.files.entry(ending.to_owned()).or_default();
            if full && !file.reserved {
                return Err(io::ErrorKind::StorageFull.into());
            }
            file.reserved = true;
        }
        Ok(self.handle(ending, true))
    }

    fn read(&self) -> io::Result<Box<dyn StorageBackend>> {
        if self.lock().files.contains_key("") { Ok(self.handle("", false)) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn set_aside(&self, ending: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.burn()?;
        state.writable()?;
        let file = state.files.remove("").ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(ending.to_owned(), file);
        Ok(())
    }

    fn remove(&self, ending: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.burn()?;
        state.writable()?;
        state.files.remove(ending);
        Ok(())
    }

    fn endings(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().files.keys().cloned().collect())
    }
}

impl Handle {
    fn file<T>(&self, changes: bool, work: impl FnOnce(&mut File, bool) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.lock();
        if state.generation != self.generation {
            return Err(io::Error::other("of an agent that is dead"));
        }
        if changes {
            state.burn()?;
            state.writable()?;
            if !self.writes {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
        } else if state.dead {
            return Err(io::Error::other("the agent is dead"));
        }
        let full = state.full;
        let file = state.files.get_mut(&self.ending).ok_or(io::ErrorKind::NotFound)?;
        work(file, full && !file_is_reserved(file))
    }

    fn change(&self, operation: Operation) -> io::Result<()> {
        self.file(true, |file, full| {
            if full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            operation.apply(&mut file.now);
            file.unsynced.push(operation);
            Ok(())
        })
    }
}

fn file_is_reserved(file: &File) -> bool {
    file.reserved
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.file(false, |file, _| Ok(file.now.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file(false, |file, _| {
            let from = size(offset);
            let bytes = file.now.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Operation::Length(size(length)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file(true, |file, _| {
            for operation in std::mem::take(&mut file.unsynced) {
                operation.apply(&mut file.synced);
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Operation::Write(size(offset), data.to_vec()))
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a small file")
}
