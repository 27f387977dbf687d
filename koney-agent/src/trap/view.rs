//! The traps as people see them.

use super::{place::Place, state::State, table::Table};

/// A trap with its state.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Where its path is looked up.
    pub place: &'a Place,
    /// `filePath` as policies write it.
    pub path: &'a str,
    /// Names of the policies.
    pub policies: Vec<&'a str>,
    /// Where it stands.
    pub state: &'a State,
    /// Something lives at its place, or is in a sandbox.
    pub lives: bool,
}

impl Table {
    /// Every trap as people see it.
    pub fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.traps.iter().map(|(at, trap)| View {
            place: &at.place,
            path: &at.path,
            policies: trap.policies.keys().map(AsRef::as_ref).collect(),
            state: &trap.state,
            lives: at.place.root().is_some() || trap.state == State::Sandboxed,
        })
    }
}
