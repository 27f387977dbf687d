//! The tables of one file, and changes to them: each is one transaction, on disk when it returns.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    Builder, CommitError, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageBackend, StorageError,
    TableDefinition, TableError, TransactionError,
};

/// Of the tables and what is in them.
pub(super) const FORMAT: u64 = 1;

/// Bytes that the embedded store may keep of the file.
const CACHE: usize = 512 << 10;
/// Values are kept in parts of this size, four to a page: one larger than a page would take pages up to the next power of two, and
/// an eighth of the file could be lost between them.
const PART: usize = 1_000;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Values in parts, by number and part.
type Parts = TableDefinition<'static, (u64, u16), &'static [u8]>;
const ROWS: Parts = TableDefinition::new("rows");
const DEAD: Parts = TableDefinition::new("dead");
/// Ids that were offered, by batch.
const SEEN: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("seen");

/// An open file.
#[derive(Debug)]
pub(super) struct Disk {
    database: Database,
    former: Option<u64>,
}

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// What it holds is not what this store wrote. Final for this file.
    #[error("{0}")]
    Corrupt(String),
    /// A newer agent wrote it.
    #[error("its format is {0}, newer than this agent's")]
    Newer(u64),
    /// Another process has it open, which knows best what is in it.
    #[error("another process has its file open")]
    Busy,
    /// It cannot be read or written now; that may pass.
    #[error("{0}")]
    Trouble(String),
}

/// What a transaction does. Rows and dead letters are replaced whole.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) rows: BTreeMap<u64, Option<Vec<u8>>>,
    pub(super) dead: BTreeMap<u64, Option<Vec<u8>>>,
    pub(super) seen: BTreeMap<u64, Option<Vec<u8>>>,
}

/// Is shown whole values by their number, one at a time.
pub(super) type Visit<'a> = &'a mut dyn FnMut(u64, &[u8]);

/// `Box<dyn StorageBackend>` as one.
#[derive(Debug)]
struct Boxed(Box<dyn StorageBackend>);

impl Disk {
    /// Opens the file and checks all of it, or makes a new one of an empty file; `token` says in it who did so.
    pub(super) fn open(backend: Box<dyn StorageBackend>, token: u64) -> Result<Self, Unusable> {
        guarded(|| {
            let database =
                Builder::new().set_cache_size(CACHE).set_check_integrity_on_open(true).create_with_backend(Boxed(backend))?;
            let transaction = database.begin_write()?;
            let (format, former) = {
                let mut meta = transaction.open_table(META)?;
                let format = meta.get("format")?.map_or(FORMAT, |format| format.value());
                meta.insert("format", format)?;
                let former = meta.insert("owner", token)?.map(|owner| owner.value());
                (format, former)
            };
            if format > FORMAT {
                return Err(Unusable::Newer(format));
            }
            transaction.open_table(ROWS)?;
            transaction.open_table(DEAD)?;
            transaction.open_table(SEEN)?;
            transaction.commit()?;
            Ok(Self { database, former })
        })
    }

    /// Who had opened it for writing before.
    pub(super) fn former(&self) -> Option<u64> {
        self.former
    }

    /// Makes the change, durably: it is on disk when this returns, as a whole or, after an error or a crash, perhaps not at all.
    pub(super) fn apply(&self, change: &Change) -> Result<(), Unusable> {
        guarded(|| {
            let transaction = self.database.begin_write()?;
            for (definition, values) in [(ROWS, &change.rows), (DEAD, &change.dead)] {
                if values.is_empty() {
                    continue;
                }
                let mut table = transaction.open_table(definition)?;
                for (number, value) in values {
                    let parts = value.as_deref().unwrap_or_default().chunks(PART);
                    let from = u16::try_from(parts.len()).map_err(|_many| Unusable::Trouble("a row is too large".to_owned()))?;
                    for (part, bytes) in (0..=u16::MAX).zip(parts) {
                        table.insert((*number, part), bytes)?;
                    }
                    table.retain_in((*number, from)..=(*number, u16::MAX), |_, _| false)?;
                }
            }
            if !change.seen.is_empty() {
                let mut table = transaction.open_table(SEEN)?;
                for (number, value) in &change.seen {
                    match value {
                        Some(value) => table.insert(number, value.as_slice())?,
                        None => table.remove(number)?,
                    };
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }

    /// Shows every row.
    pub(super) fn each_row(&self, visit: Visit<'_>) -> Result<(), Unusable> {
        self.each(ROWS, visit)
    }

    /// Shows every dead letter.
    pub(super) fn each_dead(&self, visit: Visit<'_>) -> Result<(), Unusable> {
        self.each(DEAD, visit)
    }

    /// Shows every batch of ids that were offered.
    pub(super) fn each_seen(&self, visit: Visit<'_>) -> Result<(), Unusable> {
        guarded(|| {
            for batch in self.database.begin_read()?.open_table(SEEN)?.iter()? {
                let (number, ids) = batch?;
                visit(number.value(), ids.value());
            }
            Ok(())
        })
    }

    fn each(&self, definition: Parts, visit: Visit<'_>) -> Result<(), Unusable> {
        guarded(|| {
            let mut whole: Option<(u64, Vec<u8>)> = None;
            for part in self.database.begin_read()?.open_table(definition)?.iter()? {
                let (key, bytes) = part?;
                let (number, part) = key.value();
                if part == 0
                    && let Some((number, value)) = whole.replace((number, Vec::new()))
                {
                    visit(number, &value);
                }
                whole.get_or_insert_with(|| (number, Vec::new())).1.extend_from_slice(bytes.value());
            }
            if let Some((number, value)) = whole {
                visit(number, &value);
            }
            Ok(())
        })
    }

    /// One row, if it is there.
    pub(super) fn row(&self, number: u64) -> Result<Option<Vec<u8>>, Unusable> {
        self.value(ROWS, number)
    }

    /// One dead letter, if it is there.
    pub(super) fn dead(&self, number: u64) -> Result<Option<Vec<u8>>, Unusable> {
        self.value(DEAD, number)
    }

    fn value(&self, definition: Parts, number: u64) -> Result<Option<Vec<u8>>, Unusable> {
        guarded(|| {
            let mut value = None;
            for part in self.database.begin_read()?.open_table(definition)?.range(parts(number))? {
                value.get_or_insert_with(Vec::new).extend_from_slice(part?.1.value());
            }
            Ok(value)
        })
    }
}

impl Change {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.dead.is_empty() && self.seen.is_empty()
    }
}

fn parts(number: u64) -> RangeInclusive<(u64, u16)> {
    (number, 0)..=(number, u16::MAX)
}

/// A file that was altered can make the embedded store panic; that must end no more than the use of this file.
fn guarded<T>(work: impl FnOnce() -> Result<T, Unusable>) -> Result<T, Unusable> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Unusable::Corrupt("reading it broke the embedded store; this is said above".to_owned())))
}

macro_rules! unusable {
    ($($error:ty),*) => {$(
        impl From<$error> for Unusable {
            fn from(error: $error) -> Self {
                Self::of(error.into())
            }
        }
    )*};
}

unusable!(CommitError, DatabaseError, StorageError, TableError, TransactionError);

impl Unusable {
    fn of(error: redb::Error) -> Self {
        let corrupt = match &error {
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. } => true,
            redb::Error::Io(error) => matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof),
            _ => false,
        };
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::Busy,
            error if corrupt => Self::Corrupt(error.to_string()),
            error => Self::Trouble(error.to_string()),
        }
    }
}

impl StorageBackend for Boxed {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<bool, redb::BackendError> {
        self.0.try_lock_shared_range(start, end)
    }
}
