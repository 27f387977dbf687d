//! Which agent has which queues: two live side by side on a node while one takes over from the other.
//!
//! Each has a folder of its own, locked for as long as it lives. One that has ended leaves its folder to the next agent that starts; what a
//! living agent finds left later, it takes into its own queues.

use std::{
    fs::{self, DirBuilder},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::fstat;

use super::store;
use crate::lock::folder;

/// Agents that can live side by side.
const AGENTS: u32 = 16;

/// A folder that is one agent's.
#[derive(Debug)]
pub struct Claim {
    root: PathBuf,
    folder: PathBuf,
    _lock: OwnedFd,
}

impl Claim {
    /// Takes the first folder below `root` that is nobody's, with whatever is in it.
    pub fn new(root: &Path) -> io::Result<Self> {
        for number in 0..AGENTS {
            let folder = root.join(number.to_string());
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            if let Some(lock) = lock(&folder)? {
                return Ok(Self { root: root.to_owned(), folder, _lock: lock });
            }
        }
        Err(io::Error::other(format!("{AGENTS} agents have queues below {}", root.display())))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts what agents have left that have ended since into this folder, where queues take it in. Gives how many files there were.
    pub fn adopt(&self) -> io::Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path == self.folder || !path.is_dir() {
                continue;
            }
            // Held until its files are elsewhere.
            let Some(_lock) = lock(&path)? else { continue };
            let number = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for file in fs::read_dir(&path)? {
                let file = file?.path();
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                fs::rename(&file, self.free(&store::left_as(&name, &number)))?;
                count += 1;
            }
            fs::remove_dir(&path)?;
        }
        Ok(count)
    }

    /// A name that no file has yet.
    fn free(&self, name: &str) -> PathBuf {
        let plain = self.folder.join(name);
        let again = |number: u32| self.folder.join(format!("{name}-{number}"));
        if plain.exists() { (1..=u32::MAX).map(again).find(|path| !path.exists()).unwrap_or(plain) } else { plain }
    }
}

/// Locks a folder; `None` where its agent lives, or has just removed it.
fn lock(path: &Path) -> io::Result<Option<OwnedFd>> {
    match folder(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // It may have been removed between opening and locking it.
        Ok(Some(fd)) => {
            let is_there = fs::metadata(path).is_ok_and(|now| fstat(&fd).is_ok_and(|stat| stat.st_ino == now.ino()));
            Ok(is_there.then_some(fd))
        }
        locked => locked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_leaves_is_the_next_ones_or_taken_in_by_one_that_lives() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().join("queue");
        let first = Claim::new(&root).expect("a folder");
        fs::write(first.folder().join("a_b.redb"), "first").expect("write");
        let second = Claim::new(&root).expect("another");
        assert_ne!(first.folder(), second.folder());
        fs::write(second.folder().join("a_b.redb"), "second").expect("write");
        assert_eq!(second.adopt().expect("nothing is left yet"), 0);

        let place = first.folder().to_owned();
        drop(first);
        assert_eq!(second.adopt().expect("the first has ended"), 1);
        assert!(!place.exists());
        assert_eq!(fs::read_to_string(second.folder().join("a_b.redb.v1-0")).expect("taken"), "first");
        // A later one has the number of the first, and leaves a file of the same name.
        let third = Claim::new(&root).expect("a folder");
        assert_eq!(third.folder(), place);
        fs::write(third.folder().join("a_b.redb"), "third").expect("write");
        drop(third);
        assert_eq!(second.adopt().expect("the third has ended"), 1);
        assert_eq!(fs::read_to_string(second.folder().join("a_b.redb.v1-0-1")).expect("taken"), "third");

        let left = second.folder().to_owned();
        drop(second);
        let fourth = Claim::new(&root).expect("a folder");
        assert_eq!(fourth.adopt().expect("all that is left"), 3);
        assert!(!left.exists());
        assert_eq!(fs::read_to_string(fourth.folder().join("a_b.redb.v1-1")).expect("taken"), "second");
    }
}
