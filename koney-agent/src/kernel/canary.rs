//! A file of the agent's own that it touches to see that it would see.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use koney_common::identity::{CANARY_TRAP, UNDECIDED_TRAP};
use rustix::fs::{MemfdFlags, memfd_create};

use super::{
    arm::{ArmError, Armory},
    open,
};

/// An anonymous file: it needs no writable disk and nobody else can open it by a name.
pub(super) struct Canary {
    file: OwnedFd,
}

impl Canary {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { file: memfd_create("koney-canary", MemfdFlags::CLOEXEC)? })
    }

    /// Arms the file, which already needs a program that fires.
    pub(super) fn arm(&self, armory: &Armory) -> Result<(), ArmError> {
        armory.arm_found(CANARY_TRAP, self.file.as_fd()).map(drop)
    }

    /// The file, for a detector that marks it.
    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Touches the file; its record must follow.
    pub(super) fn touch(&self) -> io::Result<()> {
        open::reopen(&self.file).map(drop)
    }
}

/// The record is that of the canary.
#[must_use]
pub const fn is_canary(trap: u32) -> bool {
    trap == CANARY_TRAP
}

/// The record is that of a file whose trap has not been decided.
#[must_use]
pub const fn is_undecided(trap: u32) -> bool {
    trap == UNDECIDED_TRAP
}
