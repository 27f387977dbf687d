//! Changing what is there.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown, symlink},
};

use anyhow::{Context as _, Result};
use rustix::fs::{CWD, RenameFlags, XattrFlags, renameat_with, setxattr};

use crate::steps::{Act, number, path};

pub(crate) const ACTS: &[(&str, Act)] = &[
    ("unlink", |arguments, _| Ok(fs::remove_file(path(arguments, 0)?)?)),
    ("rmdir", |arguments, _| Ok(fs::remove_dir(path(arguments, 0)?)?)),
    ("mkdir", |arguments, _| Ok(fs::create_dir_all(path(arguments, 0)?)?)),
    ("rename", |arguments, _| Ok(fs::rename(path(arguments, 0)?, path(arguments, 1)?)?)),
    ("exchange", |arguments, _| Ok(renameat_with(CWD, path(arguments, 0)?, CWD, path(arguments, 1)?, RenameFlags::EXCHANGE)?)),
    ("link", |arguments, _| Ok(fs::hard_link(path(arguments, 0)?, path(arguments, 1)?)?)),
    ("symlink", |arguments, _| Ok(symlink(path(arguments, 0)?, path(arguments, 1)?)?)),
    ("truncate", |arguments, _| Ok(nix::unistd::truncate(path(arguments, 0)?, 1)?)),
    ("chmod", |arguments, _| {
        let mode = u32::try_from(number(arguments, 1)?)?;
        Ok(fs::set_permissions(path(arguments, 0)?, Permissions::from_mode(mode))?)
    }),
    ("chown", |arguments, _| Ok(chown(path(arguments, 0)?, Some(u32::try_from(number(arguments, 1)?)?), None)?)),
    ("setxattr", |arguments, _| setxattr(path(arguments, 0)?, path(arguments, 1)?, b"x", XattrFlags::empty()).context("set it")),
    ("utimes", |arguments, _| touch(path(arguments, 0)?)),
];

fn touch(path: &std::ffi::OsStr) -> Result<()> {
    let now = rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
    Ok(rustix::fs::utimensat(CWD, path, &times, rustix::fs::AtFlags::empty())?)
}
