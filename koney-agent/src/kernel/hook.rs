//! What the programs hang on: opens, without which there is no detection, and changes, which each kernel gives or does not.

use std::fmt;

use super::method::Method;

/// One program of each method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// Every open.
    FileOpen,
    /// A name is removed.
    Unlink,
    /// A file is moved away.
    RenameFrom,
    /// A file is moved over another, or to a name.
    RenameTo,
    /// A file is given another name.
    Link,
    /// A symbolic link is made.
    Symlink,
    /// Mode, owner or size change.
    Setattr,
    /// An extended attribute is set.
    Setxattr,
    /// An overlay copies a file up.
    CopyUp,
    /// An open is denied. Attached only while some policy asks for it.
    Denied,
}

/// A hook whose program is not attached, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookFailure {
    /// Which.
    pub hook: Hook,
    /// The errno and the verifier's last word, or what else hindered it.
    pub reason: String,
}

impl Hook {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::FileOpen,
        Self::Unlink,
        Self::RenameFrom,
        Self::RenameTo,
        Self::Link,
        Self::Symlink,
        Self::Setattr,
        Self::Setxattr,
        Self::CopyUp,
        Self::Denied,
    ];

    /// Those that are attached in any case, besides [`Self::FileOpen`].
    pub const CHANGES: [Self; 8] =
        [Self::Unlink, Self::RenameFrom, Self::RenameTo, Self::Link, Self::Symlink, Self::Setattr, Self::Setxattr, Self::CopyUp];

    /// Name in logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileOpen => "file_open",
            Self::Unlink => "unlink",
            Self::RenameFrom => "rename_from",
            Self::RenameTo => "rename_to",
            Self::Link => "link",
            Self::Symlink => "symlink",
            Self::Setattr => "setattr",
            Self::Setxattr => "setxattr",
            Self::CopyUp => "copy_up",
            Self::Denied => "denied",
        }
    }

    /// What goes unseen without it.
    #[must_use]
    pub const fn cost(self) -> &'static str {
        match self {
            Self::FileOpen => "every access",
            Self::Unlink => "removing a decoy",
            Self::RenameFrom => "moving a decoy away",
            Self::RenameTo => "putting another file in a decoy's place",
            Self::Link => "giving a decoy another name",
            Self::Symlink => "putting a symbolic link in a decoy's place",
            Self::Setattr => "changing a decoy's mode, owner or size",
            Self::Setxattr => "setting a decoy's extended attributes",
            Self::Denied => "opening a decoy that the mode bits deny",
            Self::CopyUp => "reading a decoy's copy behind an overlay's back before it was looked at again",
        }
    }

    /// Method and place, for example `fentry security_file_open`.
    #[must_use]
    pub fn attach_point(self, method: Method) -> String {
        match (self, method) {
            (Self::Denied, _) => format!("{} {}", self.kind(method), self.function()),
            (_, Method::Lsm) => format!("lsm {}", self.lsm()),
            (_, method) => format!("{method} {}", self.function()),
        }
    }

    /// The type of its program. The verdict is beside the arguments of fexit programs alone.
    pub(super) const fn kind(self, method: Method) -> &'static str {
        if matches!(self, Self::Denied) { "fexit" } else { method.name() }
    }

    pub(super) fn program(self, method: Method) -> String {
        format!("{}_{}", self.kind(method), self.name())
    }

    /// The LSM hook (`include/linux/lsm_hook_defs.h`).
    pub(super) const fn lsm(self) -> &'static str {
        match self {
            Self::FileOpen => "file_open",
            Self::Unlink => "inode_unlink",
            Self::RenameFrom | Self::RenameTo => "inode_rename",
            Self::Link => "inode_link",
            Self::Symlink => "inode_symlink",
            Self::Setattr => "inode_setattr",
            Self::Setxattr => "inode_setxattr",
            Self::CopyUp => "inode_copy_up",
            Self::Denied => "inode_permission",
        }
    }

    /// The function of `security/security.c` that calls the LSM hook; for a denied open, that of `fs/namei.c` that denies it.
    pub(super) fn function(self) -> String {
        let prefix = if self == Self::Denied { "" } else { "security_" };
        format!("{prefix}{}", self.lsm())
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
