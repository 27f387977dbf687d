//! How much a queue holds, how it fares, and what it has to say.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// The longest that any row waits for what may become part of it.
pub(super) const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// How much one queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Rows; from half of it on only the first of a coarse kind has a row of its own.
    pub entries: usize,
    /// Bytes of rows on disk; likewise.
    pub bytes: usize,
    /// Bytes of rows in memory: all there is without a disk, and what the disk has no room for.
    pub memory: usize,
    /// Bytes of the file. Rows and dead letters take up to twice their own size in it: pages are half full after removals here
    /// and there, and what a transaction replaces is given back by the one after the next.
    pub file: u64,
    /// Within this time after the first alert of a fine kind its repeats become one; at most a minute, and none where it is zero.
    pub window: SignedDuration,
    /// Dead letters; the oldest gives way.
    pub dead: usize,
    /// Bytes of dead letters; likewise.
    pub dead_bytes: usize,
}

/// Where rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On disk, as all of them are meant to be.
    Disk,
    /// In memory, until the disk can be used again.
    Memory {
        /// Why.
        reason: String,
    },
}

/// One queue at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Where rows are.
    pub place: Place,
    /// Rows that wait.
    pub rows: usize,
    /// Those of them that a kill would lose.
    pub volatile: usize,
    /// Their bytes.
    pub bytes: usize,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
    /// Dead letters that are kept.
    pub dead: usize,
    /// Alerts that became part of a count, since the start.
    pub counted: u64,
    /// Dead letters, since the start.
    pub buried: u64,
    /// Dead letters that gave way to newer ones, since the start.
    pub forgotten: u64,
    /// Alerts that found no room anywhere, since the start.
    pub given_up: u64,
    /// Rows that could not be read any more, since the start.
    pub unreadable: u64,
}

/// Something that an operator should read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The disk cannot be used; what comes now would not survive a kill.
    InMemory {
        /// Why.
        reason: String,
    },
    /// The disk can be used again, and has everything.
    OnDisk,
    /// The file could not be read and was set aside.
    Corrupt {
        /// What was wrong with it.
        reason: String,
        /// What its name ends in now.
        ending: String,
    },
    /// The file is of a newer version and was set aside until that runs again.
    Newer {
        /// Its version.
        version: u64,
        /// What its name ends in now.
        ending: String,
    },
    /// A file that was set aside for this version was taken in again.
    TakenIn {
        /// How many alerts it had.
        rows: usize,
    },
    /// These rows of the file could not be read any more.
    Unreadable {
        /// How many.
        rows: usize,
    },
}

impl Default for Bounds {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            entries: 10_000,
            bytes: 24 * MIB,
            memory: 8 * MIB,
            file: 64 << 20,
            window: MINUTE,
            dead: 1_000,
            dead_bytes: 2 * MIB,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InMemory { reason } => write!(
                formatter,
                "alerts are kept in memory only, where a kill would lose them: {reason}; make the folder writable with room to spare"
            ),
            Self::OnDisk => formatter.write_str("alerts are kept on disk again"),
            Self::Corrupt { reason, ending } => write!(
                formatter,
                "the file of this queue cannot be read ({reason}); it was set aside with the ending `{ending}` and a new one begun: check the disk"
            ),
            Self::Newer { version, ending } => write!(
                formatter,
                "the file of this queue is of format {version}, newer than this agent's; it was set aside with the ending `{ending}`: the newer agent takes it in once it runs again"
            ),
            Self::TakenIn { rows } => write!(formatter, "{rows} alerts of a file that was set aside were taken in again"),
            Self::Unreadable { rows } => {
                write!(formatter, "{rows} alerts of this queue's file cannot be read any more; check the disk")
            }
        }
    }
}
