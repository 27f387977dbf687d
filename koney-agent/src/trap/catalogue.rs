//! The traps' part of the catalogue of errors: as the log and the policy's condition tell them, with the decoy's path.

use aya::maps::MapError;

use super::State;
use crate::{
    catalogue::{Entry, REASON, Said, entries, os},
    kernel::{ArmError, OpenError},
};

fn said(error: &ArmError) -> Said {
    let state = State::of(error);
    Said::apart(format!("trap /run/token: {state}"), state.remedy())
}

pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = entries!(ArmError, said;
        ArmError::Open(_) = OpenError::Missing.into(), "/run/token", "missing";
        ArmError::Unreachable = ArmError::Unreachable, "/run/token", "unreachable";
        ArmError::NotSeen = ArmError::NotSeen, "/run/token", "did not see it";
        ArmError::Full = ArmError::Full, "/run/token", "no room";
        ArmError::Mark(_) = ArmError::Mark(os()), "/run/token", REASON;
        ArmError::Remote(_) = ArmError::Remote("fuse"), "/run/token", "fuse";
        ArmError::Map(_) = MapError::OutOfBounds { index: 7, max_entries: 3 }.into(), "/run/token", "the index is 7";
    );
    entries.extend(entries!(OpenError, |error: &OpenError| said(&ArmError::Open(match error {
            OpenError::Missing => OpenError::Missing,
            OpenError::NotRegular(kind) => OpenError::NotRegular(kind),
            OpenError::Io(_) => os().into(),
        }));
        OpenError::Missing = OpenError::Missing, "/run/token", "missing";
        OpenError::NotRegular(_) = OpenError::NotRegular("folder"), "/run/token", "folder";
        OpenError::Io(_) = os().into(), "/run/token", REASON;
    ));
    entries.extend(entries!(State, |state: &State| Said::apart(format!("trap /run/token: {state}"), state.remedy()), fine [State::Pending | State::Armed];
        State::Replaced = State::Replaced, "/run/token", "replaced";
        State::Missing = State::Missing, "/run/token", "missing";
        State::Unreachable = State::Unreachable, "/run/token", "unreachable";
        State::Unsupported(..) = State::of(&ArmError::Remote("fuse")), "/run/token", "fuse";
        State::Sandboxed = State::Sandboxed, "/run/token", "sandbox";
        State::Failed(..) = State::of(&ArmError::Full), "/run/token", "no room";
    ));
    entries
}
