//! Where a queue's file lies: a folder of the node, or what a test puts in its place.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use redb::StorageBackend;

use super::disk::FORMAT;
use super::file::BoundedFile;
use crate::sink::SinkId;

/// Longest file name that is written as it is; the endings of files that are set aside come on top.
const LONGEST_NAME: usize = 180;
const SUFFIX: &str = ".redb";

/// One file and those that were set aside from it, told apart by their endings; the file in use has an empty one.
pub trait Medium: Debug + Send + Sync {
    /// Opens the file with this ending for writing, with everything up to `bound` bytes reserved, and creates it if it does not exist.
    fn open(&self, ending: &str, bound: u64) -> io::Result<Box<dyn StorageBackend>>;

    /// Opens the file in use for reading alone.
    fn read(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Gives the file in use another ending, durably.
    fn set_aside(&self, ending: &str) -> io::Result<()>;

    /// Removes the file with this ending, if it exists.
    fn remove(&self, ending: &str) -> io::Result<()>;

    /// The endings of the files there are.
    fn endings(&self) -> io::Result<Vec<String>>;
}

/// A file in a folder: `FOLDER/NAMESPACE_NAME.redb`, for the agent's user alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    folder: PathBuf,
    name: String,
}

impl Folder {
    /// The file of this sink's queue.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, sink: &SinkId) -> Self {
        Self { folder: folder.into(), name: name(sink) }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{ending}", self.name))
    }

    /// A new name lasts only once its folder was synced.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

impl Medium for Folder {
    fn open(&self, ending: &str, bound: u64) -> io::Result<Box<dyn StorageBackend>> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.path(ending);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let file = BoundedFile::new(file, bound)?;
        self.sync()?;
        Ok(Box::new(file))
    }

    fn read(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(BoundedFile::reader(File::open(self.path(""))?)))
    }

    fn set_aside(&self, ending: &str) -> io::Result<()> {
        fs::rename(self.path(""), self.path(ending))?;
        self.sync()
    }

    fn remove(&self, ending: &str) -> io::Result<()> {
        match fs::remove_file(self.path(ending)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.sync(),
        }
    }

    fn endings(&self) -> io::Result<Vec<String>> {
        let mut endings = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            endings.extend(name.to_str().and_then(|name| name.strip_prefix(&self.name)).map(str::to_owned));
        }
        Ok(endings)
    }
}

/// The name under which the file of an agent that has ended is taken in by the queue of the same sink.
pub(in crate::sink) fn left_as(file: &str, by: &str) -> String {
    let is_set_aside = file.rsplit_once(SUFFIX).is_some_and(|(_, ending)| !ending.is_empty());
    if is_set_aside { format!("{file}-{by}") } else { format!("{file}.v{FORMAT}-{by}") }
}

/// Removes all files of queues in a folder but those of these sinks, whatever their endings. Returns their names.
pub(in crate::sink) fn sweep(folder: &Path, keep: &[SinkId]) -> io::Result<Vec<String>> {
    let keep: Vec<_> = keep.iter().map(name).collect();
    let mut removed = Vec::new();
    for entry in fs::read_dir(folder)? {
        let Ok(file) = entry?.file_name().into_string() else { continue };
        let is_queue = file.contains(SUFFIX);
        if is_queue && !keep.iter().any(|name| file.starts_with(name)) {
            fs::remove_file(folder.join(&file))?;
            removed.push(file);
        }
    }
    Ok(removed)
}

/// Of resources the parts are DNS names already; whatever else there is becomes its digits.
fn name(sink: &SinkId) -> String {
    use std::fmt::Write as _;
    let escaped = |part: &str| {
        part.bytes().fold(String::new(), |mut name, byte| {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => name.push(byte.into()),
                _ => write!(name, "%{byte:02x}").expect("writing to a String cannot fail"),
            }
            name
        })
    };
    let whole = format!("{}_{}", escaped(&sink.namespace), escaped(&sink.name));
    if whole.len() <= LONGEST_NAME {
        return format!("{whole}{SUFFIX}");
    }
    let kind = super::kind::digest("file", &[&sink.namespace, &sink.name]);
    let kept = whole.get(..LONGEST_NAME - 34).unwrap_or_default();
    format!("{kept}%_{}.redb", super::kind::hex(&kind))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn named(namespace: &str, sink: &str) -> String {
        name(&SinkId::new(namespace, sink))
    }

    #[test]
    fn names_are_apart_and_within_what_file_systems_take() {
        assert_eq!(named("koney-system", "prod.eu"), "koney-system_prod.eu.redb");
        assert_eq!(named("", "../etc"), "_..%2fetc.redb");
        assert_ne!(named("a_b", "c"), named("a", "b_c"));
        let long = "x".repeat(253);
        assert!(named(&long, &long).len() < 230);
        assert_ne!(named(&long, &long), named(&long, &"x".repeat(252)));
    }

    #[test]
    fn only_queues_of_sinks_that_are_gone_are_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["a_b.redb", "a_b.redb.v2", "a_bc.redb", "a_gone.redb", "a_gone.redb.corrupt-1", "other"] {
            fs::write(folder.path().join(file), "").expect("written");
        }
        let mut removed = sweep(folder.path(), &[SinkId::new("a", "b"), SinkId::new("a", "bc")]).expect("swept");
        removed.sort_unstable();
        assert_eq!(removed, ["a_gone.redb", "a_gone.redb.corrupt-1"]);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 4);
    }

    #[test]
    fn files_are_for_the_agent_alone_and_listed_by_their_endings() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = folder.path().join("spool");
        let medium = Folder::new(&spool, &SinkId::new("koney-system", "prod"));
        medium.open("", 1 << 20).expect("a file");
        Folder::new(&spool, &SinkId::new("koney-system", "other")).open("", 1 << 20).expect("a file");
        let mode = |path: PathBuf| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(spool.clone()), mode(spool.join("koney-system_prod.redb"))), (0o700, 0o600));
        medium.set_aside(".corrupt-1").expect("renamed");
        assert_eq!(medium.endings().expect("readable"), [".corrupt-1"]);
        medium.remove(".corrupt-1").expect("removed");
        medium.remove(".corrupt-1").expect("it need not exist");
        assert!(medium.endings().expect("readable").is_empty() && medium.read().is_err());
    }
}
