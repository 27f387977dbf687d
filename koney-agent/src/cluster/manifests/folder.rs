//! A folder to a snapshot, without side effects: what is in force depends on the files and on what was in force before.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::super::problem::{Problem, Severity};
use super::super::snapshot::Snapshot;
use super::compose::SyntaxError;
use super::merge::{FileReading, merge};
use super::object::{self, Outcome, Reading};
use super::parse::parse;
use super::source::{self, Source};

/// Fatal at start, where the operator acts. Later it is a [`Problem`], and what was read last stays in force.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The folder cannot be listed.
    #[error("cannot read the manifest folder {}: {cause}; create it, or name another one", folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Reads a folder of manifests. Objects whose document turned invalid stay as `previous` has them; objects whose
/// document or file is gone are gone. Sinks and Secrets count in `agent_namespace` only, which is also the namespace of
/// an object that names none.
pub fn read(folder: &Path, agent_namespace: &str, previous: &Snapshot) -> Result<Snapshot, FolderError> {
    let sources = source::of_folder(folder).map_err(|cause| FolderError::Unreadable { folder: folder.to_owned(), cause })?;
    Ok(from_sources(sources, agent_namespace, previous))
}

/// Reads single files, for example to validate them; an unreadable one is a problem like any other.
#[must_use]
pub fn read_files(paths: &[PathBuf], agent_namespace: &str) -> Snapshot {
    let sources = paths.iter().map(|path| source::of_path(path)).collect();
    from_sources(sources, agent_namespace, &Snapshot::default())
}

fn from_sources(sources: Vec<Source>, agent_namespace: &str, previous: &Snapshot) -> Snapshot {
    let files = sources.into_iter().map(|source| of_source(source, agent_namespace)).collect();
    merge(files, previous)
}

fn of_source(Source { name, text }: Source, agent_namespace: &str) -> FileReading {
    let readings = match text {
        Err(problem) => vec![broken(*problem)],
        Ok(text) => parse(&text)
            .into_iter()
            .flat_map(|document| match document {
                Ok(node) => object::read(&name, &node, agent_namespace),
                Err(SyntaxError { line, reason, remedy }) => {
                    let problem = Problem::of_file(Severity::Error, &name, &reason, remedy);
                    vec![broken(Problem { line: Some(line), ..problem })]
                }
            })
            .collect(),
    };
    FileReading { name, readings }
}

/// Something that may have been any object of its file.
fn broken(problem: Problem) -> Reading {
    let line = problem.line.unwrap_or(1);
    Reading { line, object: None, outcome: Outcome::Invalid { fallback: None }, problems: vec![problem] }
}
