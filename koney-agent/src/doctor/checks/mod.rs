//! From facts to findings: no file is read here, so every machine can be tried on any other.

mod cluster;
mod folder;
mod hooks;
mod kernel;
mod methods;
mod node;
mod privilege;
mod security;

#[cfg(test)]
mod tests;

use super::{facts::Facts, finding::Finding};

/// Every finding, in the order in which one thing needs the other.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    [
        kernel::findings(facts),
        privilege::findings(facts),
        security::findings(facts),
        methods::findings(facts),
        hooks::findings(facts),
        node::findings(facts),
        folder::findings(facts),
        cluster::findings(facts),
    ]
    .concat()
}
