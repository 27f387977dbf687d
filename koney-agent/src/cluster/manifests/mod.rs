//! A folder of manifests as the one source of policies, sinks and Secrets.
//!
//! In: files as one would `kubectl apply` them. Out: a [`Snapshot`](super::Snapshot), published anew when the folder
//! changes. Never: a change taken half. A document that turns invalid leaves what it last said in force, also one that
//! only `strictValidation` makes invalid; there is no store, so this memory ends with the process.
//!
//! Differences from `kubectl apply`: an object that is gone from the folder is gone, a key that appears twice is an
//! error, and an object without a namespace is in the agent's.

mod compose;
mod events;
mod folder;
mod identity;
mod json;
mod live;
mod mapping;
mod merge;
mod node;
mod object;
mod parse;
mod report;
mod scalar;
mod scope;
mod secret_object;
mod source;
mod typed;
mod unknown;
mod watch;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod folder_tests;
#[cfg(test)]
mod problem_tests;
#[cfg(test)]
mod update_tests;
#[cfg(test)]
mod watch_tests;

pub use folder::{FolderError, read, read_files};
pub(super) use live::snapshot as of_objects;
pub(super) use report::changes as report_changes;
pub use source::files_in;
pub use watch::Watcher;
