//! What outlives the agent: its programs keep watch, and its rings keep their records, while no agent is there.
//!
//! Each agent pins a set of its own in a folder of its own, which it locks while it lives. The next agent attaches its own set beside it, silent at
//! first, and takes over when its decoys are armed: its programs begin to tell, those of the former stop, and what the former left is read.
//! No set is ever adopted, so nothing of an earlier version has to fit, and an agent that is killed at any moment leaves folders that the next
//! one reads and removes. A folder's number tells who is younger: of two living agents the older one yields.

mod former;

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use koney_common::identity::LAYOUT;
use rustix::{
    fs::{CWD, RenameFlags, renameat_with, statfs},
    io::Errno,
};
use thiserror::Error;

pub use former::{Former, Remains};

use super::gate::AgentId;
use crate::lock::folder as lock;

/// Where the agent pins unless it is told otherwise.
pub const DEFAULT: &str = "/sys/fs/bpf/koney";

/// `BPF_FS_MAGIC`, `include/uapi/linux/magic.h`.
const BPF_FS: u32 = 0xcafe_4a11;
/// What the name of a link begins with. A name must not have dots (`bpf_lookup`, `kernel/bpf/inode.c`).
const LINK: &str = "link_";
/// What the name of a folder begins with that is being made.
const DRAFT: &str = "new-";
/// Times that another agent may take it away meanwhile.
const ATTEMPTS: u32 = 10;

/// The maps that hold what was seen.
pub(super) const MAPS: [&str; 7] = ["GATE", "RECORDS", "CANDIDATE_RECORDS", "SLOTS", "REPEATS", "CROWDS", "COUNTERS"];

/// Nothing outlives the agent. Not fatal: accesses while no agent runs go unseen. The operator acts.
#[derive(Debug, Error)]
pub enum PinsError {
    /// The folder is not where anything can be pinned.
    #[error(
        "{0} is not on a BPF file system; mount one there (`mount -t bpf bpf /sys/fs/bpf`), or choose another folder with --pins"
    )]
    NotBpf(PathBuf),
    /// The folder cannot be used.
    #[error("nothing can be pinned in {path}: {source}; make it writable for root, or choose another folder with --pins")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The folder of this agent's set; gone with this value unless it was kept.
pub(super) struct Pins {
    root: PathBuf,
    folder: PathBuf,
    number: u64,
    _lock: OwnedFd,
    kept: bool,
}

impl Pins {
    /// Makes a folder below `root` that is younger than all others, and locks it.
    pub(super) fn create(root: &Path) -> Result<Self, PinsError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| PinsError::Folder { path, source }
        };
        if !root.is_dir() {
            fs::create_dir(root).map_err(failed(root))?;
        }
        let kind = statfs(root).map_err(|error| failed(root)(error.into()))?.f_type;
        if i64::from(BPF_FS) != kind {
            return Err(PinsError::NotBpf(root.to_owned()));
        }
        let mut attempts = 0;
        let made = loop {
            match Self::attempt(root) {
                // Another agent that starts has taken it for one of an agent that died.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::WouldBlock) && attempts < ATTEMPTS =>
                {
                    attempts += 1;
                }
                made => break made.map_err(failed(root))?,
            }
        };
        sweep(root);
        Ok(made)
    }

    /// Locked before it has a name that others look at.
    fn attempt(root: &Path) -> io::Result<Self> {
        let draft = root.join(format!("{DRAFT}{}", std::process::id()));
        remove(&draft)?;
        fs::create_dir(&draft)?;
        let lock = lock(&draft)?.ok_or(io::ErrorKind::WouldBlock)?;
        let mut number = list(root)?.iter().map(|found| found.number).max().unwrap_or(0);
        loop {
            number += 1;
            let folder = root.join(format!("v{LAYOUT}-{number}"));
            match renameat_with(CWD, &draft, CWD, &folder, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(Self { root: root.to_owned(), folder, number, _lock: lock, kept: false }),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Where a map is pinned.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where a link is pinned.
    pub(super) fn link(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{LINK}{name}"))
    }

    /// From here on the set outlives the agent.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Tells the programs of all agents before this one not to tell of what this one opens to arm its traps.
    pub(super) fn announce(&self, agent: AgentId) {
        for former in self.formers() {
            former.announce(agent);
        }
    }

    /// The sets of all agents before this one, oldest first.
    pub(super) fn formers(&self) -> Vec<Former> {
        let mut found = list(&self.root).unwrap_or_default();
        found.retain(|found| found.number < self.number);
        found.sort_by_key(|found| found.number);
        found.into_iter().map(|Found { path, layout, .. }| Former::new(path, layout)).collect()
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = remove(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "what was pinned there cannot be removed; use `koney-agent detach`");
        }
    }
}

/// Removes everything that any agent has pinned below the folder, links first; gives what was removed.
pub fn detach(root: &Path) -> Result<Vec<PathBuf>, PinsError> {
    let mut removed = Vec::new();
    for folder in folders(root).map_err(|source| PinsError::Folder { path: root.to_owned(), source })? {
        remove(&folder).map_err(|source| PinsError::Folder { path: folder.clone(), source })?;
        removed.push(folder);
    }
    match fs::remove_dir(root) {
        Ok(()) => removed.push(root.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(PinsError::Folder { path: root.to_owned(), source }),
    }
    Ok(removed)
}

/// A folder of some agent's.
struct Found {
    path: PathBuf,
    layout: u32,
    number: u64,
}

fn list(root: &Path) -> io::Result<Vec<Found>> {
    let found = folders(root)?.into_iter().filter_map(|path| {
        let (layout, number) = path.file_name()?.to_str()?.strip_prefix('v')?.split_once('-')?;
        let (layout, number) = (layout.parse().ok()?, number.parse().ok()?);
        Some(Found { path, layout, number })
    });
    Ok(found.collect())
}

/// Removes what agents have begun that died before it had a name.
fn sweep(root: &Path) {
    for path in folders(root).unwrap_or_default() {
        let is_draft = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(DRAFT));
        if is_draft
            && let Ok(Some(_nobodys)) = lock(&path)
            && let Err(error) = remove(&path)
        {
            tracing::debug!(folder = %path.display(), %error, "what a dead agent had begun cannot be removed");
        }
    }
}

fn folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Removes the links of a folder: their programs are detached unless some process holds them.
fn unlink(folder: &Path) -> io::Result<()> {
    for path in folders(folder)? {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LINK)) {
            gone(fs::remove_file(path))?;
        }
    }
    Ok(())
}

/// Removes a folder and what is in it; nothing where it is not there.
fn remove(folder: &Path) -> io::Result<()> {
    unlink(folder)?;
    for path in folders(folder)? {
        gone(fs::remove_file(path))?;
    }
    gone(fs::remove_dir(folder))
}

/// Gone already is gone.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bpf_file_system_is_refused_with_a_remedy() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let refused = Pins::create(folder.path()).err().expect("a disk").to_string();
        assert!(refused.contains("is not on a BPF file system; mount one there"), "{refused}");
    }

    #[test]
    fn folders_are_told_by_layout_and_number() {
        let root = tempfile::tempdir().expect("temporary folder");
        for name in ["v1-3", "v2-10", "new-77", "v1-x", "other"] {
            fs::create_dir(root.path().join(name)).expect("mkdir");
        }
        let mut found: Vec<_> = list(root.path()).expect("listed").iter().map(|found| (found.layout, found.number)).collect();
        found.sort_unstable();
        assert_eq!(found, [(1, 3), (2, 10)]);
    }

    #[test]
    fn what_a_dead_agent_had_begun_is_removed_and_what_a_living_one_has_is_not() {
        let root = tempfile::tempdir().expect("temporary folder");
        let [dead, living, kept] = ["new-5", "new-6", "v1-1"].map(|name| root.path().join(name));
        for folder in [&dead, &living, &kept] {
            fs::create_dir(folder).expect("mkdir");
        }
        let held = lock(&living).expect("opened").expect("free");
        sweep(root.path());
        assert_eq!([&dead, &living, &kept].map(|folder| folder.exists()), [false, true, true]);
        drop(held);
        sweep(root.path());
        assert!(!living.exists());
    }

    #[test]
    fn detaching_removes_all_and_is_well_without_anything() {
        let root = tempfile::tempdir().expect("temporary folder");
        let pins = root.path().join("koney");
        assert!(detach(&pins).expect("nothing there").is_empty());
        for name in ["v1-1/link_unlink", "v1-1/GATE", "new-5/GATE"] {
            let path = pins.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
            fs::write(path, "").expect("written");
        }
        assert_eq!(detach(&pins).expect("removed").len(), 3);
        assert!(!pins.exists());
    }

    #[test]
    fn a_folder_that_is_locked_has_a_living_agent() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let held = lock(folder.path()).expect("opened").expect("free");
        assert!(lock(folder.path()).expect("opened").is_none());
        drop(held);
        assert!(lock(folder.path()).expect("opened").is_some());
    }
}
