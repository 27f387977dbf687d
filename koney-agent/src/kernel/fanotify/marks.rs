//! What is marked, and for which trap.

use std::{
    collections::{BTreeSet, HashMap},
    os::fd::{AsFd as _, BorrowedFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use koney_common::{NameKey, TrapKey, identity::CANARY_TRAP};
use rustix::fs::{Stat, fstat, fstatfs, major, minor};

use super::group::Group;
use crate::kernel::{
    arm::{Arm, ArmError, Armed, ArmedKey, Job, Outcome},
    open,
    root::Root,
};

/// File systems that somebody else serves (`include/uapi/linux/magic.h`, `fs/9p`, `fs/ceph`, `fs/smb`).
///
/// The kernel opens a file for the agent with each event, while the agent reads: a server that does not answer would hold up the
/// events of every other decoy, and anybody may be the server of a FUSE mount.
const REMOTE: [(u32, &str); 9] = [
    (0x6573_5546, "FUSE"),
    (0x0000_6969, "NFS"),
    (0x0000_517B, "SMB"),
    (0xFE53_4D42, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0x0102_1997, "9p"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
];

/// The marked files.
///
/// Their keys are what `fstat` reports, of the marked file as of the one that comes with an event: the same function answers both
/// times, so it does not matter where its device is not the kernel's.
/// A mark goes with its inode, so a later file of the same inode number is not watched by mistake, and a decoy that was made anew is
/// marked by the next look.
pub(super) struct Marks {
    group: Arc<Group>,
    marked: Mutex<HashMap<TrapKey, Mark>>,
}

struct Mark {
    trap: u32,
    path: PathBuf,
}

/// Whose file an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) key: TrapKey,
    pub(super) trap: u32,
}

impl Marks {
    pub(super) fn new(group: Arc<Group>) -> Self {
        Self { group, marked: Mutex::default() }
    }

    /// Marks the agent's own canary.
    pub(super) fn canary(&self, file: BorrowedFd<'_>) -> Result<(), ArmError> {
        let key = key(&fstat(file).map_err(|error| ArmError::Mark(error.into()))?);
        self.mark(key, file, Mark { trap: CANARY_TRAP, path: PathBuf::new() })
    }

    /// First the note, then the mark: no event may come before it is known whose it is.
    fn mark(&self, key: TrapKey, file: BorrowedFd<'_>, mark: Mark) -> Result<(), ArmError> {
        let before = self.marked().insert(key, mark);
        let marked = self.group.mark(file).map_err(ArmError::Mark);
        if marked.is_err() && before.is_none() {
            self.marked().remove(&key);
        }
        marked
    }

    /// The owner of the file that came with an event. `None` where nobody wants it any more.
    ///
    /// An overlay may report another identity once it has copied a file up: then the path decides, for only marked files have events.
    pub(super) fn owner(&self, file: &Stat, path: Option<&Path>) -> Option<Owner> {
        let (key, marked) = (key(file), self.marked());
        let by_path = || marked.values().find(|mark| mark.trap != CANARY_TRAP && Some(mark.path.as_path()) == path);
        marked.get(&key).or_else(by_path).map(|mark| Owner { key, trap: mark.trap })
    }

    /// Takes the mark off a file that nobody wants. Only now, as an event has brought a descriptor by which to name it.
    pub(super) fn let_go(&self, file: BorrowedFd<'_>, status: &Stat) {
        let mut done = self.group.unmark(file);
        // Somebody may have begun to want it in between.
        if self.marked().contains_key(&key(status)) {
            done = self.group.mark(file);
        }
        if let Err(error) = done {
            tracing::debug!(%error, "the mark of a former decoy cannot be changed");
        }
    }

    fn marked(&self) -> MutexGuard<'_, HashMap<TrapKey, Mark>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arm for Marks {
    /// Looks and marks each time: whether a mark is still there only the kernel knows, and neither of the two opens the file.
    fn arm(&self, root: BorrowedFd<'_>, job: &Job) -> Outcome {
        let found = open::resolve(root, &job.path)?;
        let file = found.file.as_fd();
        let refused = |error: rustix::io::Errno| ArmError::Mark(error.into());
        if let Some(kind) = remote(fstatfs(file).map_err(refused)?.f_type) {
            return Err(ArmError::Remote(kind));
        }
        let key = key(&fstat(file).map_err(refused)?);
        self.mark(key, file, Mark { trap: job.trap, path: job.path.clone() })?;
        Ok(Armed { keys: vec![ArmedKey { key, generation: 0 }], stamp: found.stamp, canonical: found.canonical() })
    }

    fn disarm(&self, key: TrapKey) {
        self.marked().remove(&key);
    }

    /// Nothing is told by path here.
    fn root(&self, _root: Root) -> Option<TrapKey> {
        None
    }

    /// Marks are on files: what is planted late is marked by the next look.
    fn name(&self, _names: &BTreeSet<NameKey>) -> Result<(), ArmError> {
        Ok(())
    }
}

/// `fstat`'s numbers in the kernel's encoding.
fn key(file: &Stat) -> TrapKey {
    TrapKey::new(major(file.st_dev) << 20 | minor(file.st_dev), file.st_ino)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the numbers have 32 bits; their C type varies")]
fn remote(kind: rustix::fs::FsWord) -> Option<&'static str> {
    REMOTE.iter().find(|(magic, _)| *magic == kind as u32).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_that_others_serve_are_told_apart() {
        assert_eq!(remote(0x6573_5546), Some("FUSE"));
        assert_eq!(remote(0xEF53), None, "ext4");
        let here = fstatfs(Root::Own.open().expect("open /")).expect("statfs");
        assert_eq!(remote(here.f_type), None, "the tests' own root is local");
    }
}
