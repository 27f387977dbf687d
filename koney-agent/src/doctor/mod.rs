//! What this machine offers to the agent, what was tried, what will be used, what is missing and how to mend it.
//!
//! In: the machine, a manifest folder if one is named, and the cluster if there is one. Out: a [`Report`] of findings, as text or as JSON, and a [`Verdict`].
//! Three steps that know nothing of each other: [`Facts`] are read, findings are drawn from facts alone, and then written out.
//! Never: a change to the machine. The kernel is asked by `kernel/`, with the detector's own means.

mod checks;
mod cluster;
mod facts;
mod fields;
mod finding;
mod machine;
mod report;
mod text;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod samples;

pub use cluster::{Cluster, Definition, Right};
pub use facts::{Blocked, Facts, Request};
pub use finding::{Finding, Status};
pub use machine::{Cgroups, Lockdown, Privilege, Security};
pub use report::{Report, Verdict};

/// Looks at everything. Blocks for up to a second per attach method.
pub async fn examine(request: &Request) -> Report {
    let cluster = facts::read_cluster(request).await;
    Report::new(&Facts { cluster, ..Facts::read(request) })
}
