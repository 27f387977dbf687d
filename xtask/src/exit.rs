//! Exit codes with a meaning, after sysexits.h.

use std::fmt;

/// The command line was wrong.
pub(crate) const USAGE: u8 = 64;
/// Something that only the user may install is missing.
pub(crate) const UNAVAILABLE: u8 = 69;
/// The virtual machine itself failed, so there is no status of the command in it.
pub(crate) const NO_VERDICT: u8 = 125;

/// An error that ends xtask with its own exit code.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Exit {
    /// Bad usage that clap cannot see.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    /// Something is missing and the remedy is the user's to type.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: UNAVAILABLE, message: message.into() }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exit {}
