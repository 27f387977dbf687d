//! An alert, as far as scenarios look at it.

use koney_agent::{
    event::Observation,
    trap::{Accessor, Hit},
};

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The policy's name.
    pub policy: String,
    /// The policy's `filePath`.
    pub path: String,
    /// What was done.
    pub operation: String,
    /// How the file was recognised: `identity` or `name`.
    pub check: String,
    /// The container that the trap belongs to; `None` for the host.
    pub owner: Option<String>,
    /// The container that the process belongs to, by its cgroup; `None` for the host.
    pub accessor: Option<String>,
    /// The process, in our own pid namespace.
    pub pid: Option<u32>,
    /// Its executable, as it sees it.
    pub binary: Option<String>,
    /// Its arguments, its own name first.
    pub arguments: Option<Vec<String>>,
    /// Its working directory, as it sees it.
    pub cwd: Option<String>,
    /// 1, or how often it was done again in a summary.
    pub count: u64,
}

impl Told {
    /// What is told of an observation for one trap.
    #[must_use]
    pub fn of(seen: &Observation, hit: &Hit) -> Self {
        let subject = &seen.subject;
        Self {
            policy: hit.policy.to_string(),
            path: hit.file_path.to_string(),
            operation: seen.operation.name().to_owned(),
            check: seen.check.name().to_owned(),
            owner: hit.place.container_id().map(str::to_owned),
            accessor: match Accessor::of(subject) {
                Accessor::Host => None,
                Accessor::Container(id) => Some(id.to_owned()),
            },
            pid: subject.pid,
            binary: subject.executable.clone(),
            arguments: subject.arguments.clone(),
            cwd: subject.cwd.clone(),
            count: 1,
        }
    }
}
