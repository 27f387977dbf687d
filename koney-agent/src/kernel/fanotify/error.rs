//! Why there is no detection by fanotify either. Fatal at start; the operator acts.

use std::io;

use thiserror::Error;

use crate::kernel::ArmError;

/// No detection by fanotify.
#[derive(Debug, Error)]
pub enum FanotifyError {
    /// The system call is refused.
    #[error(
        "fanotify is refused (fanotify_init: {0}); it needs CAP_SYS_ADMIN in the initial user namespace and a kernel built with \
         CONFIG_FANOTIFY=y"
    )]
    Init(io::Error),
    /// The canary file could not be made or opened.
    #[error("fanotify cannot be tried, there is no canary file: {0}; memfd_create and /proc must be usable")]
    Canary(io::Error),
    /// The canary could not be marked.
    #[error("fanotify is refused: the canary {0}; report this kernel's version")]
    Mark(ArmError),
    /// Events cannot be waited for or read.
    #[error("fanotify's events cannot be read: {0}; report this kernel's version")]
    Read(io::Error),
    /// There was no event for the canary.
    #[error("fanotify is accepted, but the canary was opened and no event came; report this kernel's version")]
    NotSeen,
}

impl FanotifyError {
    /// More privilege may help.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::Init(error) if error.kind() == io::ErrorKind::PermissionDenied)
    }
}
