//! The keys of one trap: of the file that is at its path, and of those that were.

use koney_common::TrapKey;

use crate::kernel::{Armed, ArmedKey};

/// Former keys kept per trap; whoever replaces a decoy more often pushes out the oldest.
const FORMER: usize = 16;

/// Current and former keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    current: Option<Armed>,
    former: Vec<ArmedKey>,
    /// Its name was removed or taken since it was last looked at: it may be gone.
    doubted: bool,
    /// The file that was found first; an overlay keeps its number when it copies it up.
    first: Option<ArmedKey>,
}

/// Whether an access to a key is one to the trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// It is.
    Trap,
    /// The file only has the inode number of one that is gone.
    Stranger,
}

impl Keys {
    pub(super) const fn current(&self) -> Option<&Armed> {
        self.current.as_ref()
    }

    /// The file is not the one that was found first.
    pub(super) fn is_another(&self, armed: &Armed) -> bool {
        self.first.is_some_and(|first| armed.keys.first() != Some(&first))
    }

    /// One more file is the trap's, whatever is at its path. Returns the keys that are given up.
    pub(super) fn adopt(&mut self, armed: ArmedKey) -> Vec<TrapKey> {
        if !self.all().contains(&armed.key) {
            self.former.push(armed);
        }
        let surplus = self.former.len().saturating_sub(FORMER);
        self.former.drain(..surplus).map(|former| former.key).collect()
    }

    /// A name of the file was removed or taken.
    pub(super) fn doubt(&mut self, key: TrapKey) {
        self.doubted |= self.current.iter().flat_map(|armed| &armed.keys).any(|armed| armed.key == key);
    }

    /// Another file (or the same one, looked at again) is at the path. Returns the keys that are given up.
    pub(super) fn replace(&mut self, armed: Armed) -> Vec<TrapKey> {
        self.doubted = false;
        let mut dropped = self.move_away();
        self.former.retain(|former| armed.keys.iter().all(|now| now.key != former.key));
        dropped.retain(|key| armed.keys.iter().all(|now| now.key != *key));
        self.first = self.first.or_else(|| armed.keys.first().copied());
        self.current = Some(armed);
        dropped
    }

    /// Nothing is at the path any more. Returns the keys that are given up.
    pub(super) fn move_away(&mut self) -> Vec<TrapKey> {
        if let Some(armed) = self.current.take() {
            self.former.retain(|former| armed.keys.iter().all(|now| now.key != former.key));
            self.former.extend(armed.keys);
        }
        let surplus = self.former.len().saturating_sub(FORMER);
        self.former.drain(..surplus).map(|former| former.key).collect()
    }

    pub(super) fn forget(&mut self, key: TrapKey) {
        self.former.retain(|former| former.key != key);
    }

    /// The generation decides only for what is no longer at the path: the owner of a file can change it (`FS_IOC_SETVERSION`), and must
    /// not be able to make a decoy invisible by that.
    pub(super) fn matches(&self, key: TrapKey, generation: Option<u32>) -> Match {
        let current = self.current.iter().flat_map(|armed| &armed.keys).find(|armed| armed.key == key);
        let (at_its_path, known) = match current {
            Some(current) => (!self.doubted, Some(current)),
            None => (false, self.former.iter().find(|former| former.key == key)),
        };
        match (at_its_path, known, generation) {
            (false, Some(known), Some(generation)) if known.generation != generation => Match::Stranger,
            _ => Match::Trap,
        }
    }

    pub(super) fn all(&self) -> Vec<TrapKey> {
        let current = self.current.iter().flat_map(|armed| &armed.keys);
        current.chain(&self.former).map(|armed| armed.key).collect()
    }
}
