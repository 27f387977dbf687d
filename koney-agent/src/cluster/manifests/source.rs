//! The files of a folder, read whole and bounded.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::super::problem::{Problem, Severity};

/// Bytes of one file: a `ConfigMap` cannot be larger.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 20;

/// A manifest file and its text, or why there is none.
pub(super) struct Source {
    /// What problems call the file.
    pub(super) name: PathBuf,
    pub(super) text: Result<String, Box<Problem>>,
}

/// Reads the manifests of a folder, in the order of their names. Hidden files (a `ConfigMap` mount keeps its versions in
/// such), folders and files of other types are passed over.
pub(super) fn of_folder(folder: &Path) -> io::Result<Vec<Source>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(names.iter().filter(|name| is_manifest(name)).filter_map(|name| of_entry(folder, name)).collect())
}

/// The manifests of a folder, in the order of their names; `None` where the path is no folder that can be listed.
#[must_use]
pub fn files_in(folder: &Path) -> Option<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).ok()?;
    let mut files: Vec<_> = entries.flatten().filter(|entry| is_manifest(&entry.file_name())).map(|entry| entry.path()).collect();
    files.sort();
    Some(files)
}

/// Reads one file under the name it was given by.
pub(super) fn of_path(path: &Path) -> Source {
    let text = match read(path) {
        Ok(Some(bytes)) => utf8(path, bytes),
        Ok(None) => Err(problem(path, "is not a regular file", "name a file")),
        Err(error) => Err(unreadable(path, &error)),
    };
    Source { name: path.to_owned(), text }
}

fn is_manifest(name: &OsStr) -> bool {
    let is_hidden = name.as_bytes().starts_with(b".");
    let known =
        Path::new(name).extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
    if !known && !is_hidden {
        tracing::debug!(file = ?name, "not a manifest: passed over");
    }
    known && !is_hidden
}

fn of_entry(folder: &Path, name: &OsStr) -> Option<Source> {
    let path = folder.join(name);
    let label = Path::new(name);
    let text = match read(&path) {
        Ok(Some(bytes)) => utf8(label, bytes),
        Ok(None) => {
            tracing::debug!(file = ?name, "not a regular file: passed over");
            return None;
        }
        // Removed since the folder was listed; a link that leads nowhere is still there and worth a word.
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {
            return None;
        }
        Err(error) => Err(unreadable(label, &error)),
    };
    Some(Source { name: label.to_owned(), text })
}

/// At most one byte more than allowed; `None` for what is not a regular file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // A pipe of this name must not hold the agent up.
    let file: File = OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn utf8(name: &Path, bytes: Vec<u8>) -> Result<String, Box<Problem>> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let reason = format!("is larger than {MAX_FILE_BYTES} bytes");
        return Err(problem(name, &reason, "split it into several files"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let breaks = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count();
            let mut found = problem(name, "is not UTF-8", "save it as UTF-8");
            found.line = u32::try_from(breaks + 1).ok();
            Err(found)
        }
    }
}

fn unreadable(name: &Path, error: &io::Error) -> Box<Problem> {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => "give the agent's user permission to read it",
        io::ErrorKind::NotFound => "restore the file that it links to, or remove it",
        _ => "make it readable, or remove it",
    };
    problem(name, &format!("cannot be read ({error})"), remedy)
}

fn problem(name: &Path, reason: &str, remedy: &str) -> Box<Problem> {
    Box::new(Problem::of_file(Severity::Error, name, reason, remedy))
}
