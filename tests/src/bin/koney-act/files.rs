//! Opening: for whatever purpose and by whatever name.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
};

use anyhow::{Context as _, Result};
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::steps::{Act, Hands, number, path};

pub(crate) const ACTS: &[(&str, Act)] = &[
    ("cd", |arguments, _| Ok(env::set_current_dir(path(arguments, 0)?)?)),
    ("open", |arguments, _| File::open(path(arguments, 0)?).map(drop).map_err(Into::into)),
    ("read", |arguments, _| read(path(arguments, 0)?)),
    ("read-each", read_each),
    ("hold", hold),
    ("read-held", read_held),
    ("path-only", |arguments, _| by_path(path(arguments, 0)?).map(drop)),
    ("path-reopen", path_reopen),
    ("write", |arguments, _| write(OpenOptions::new().write(true), path(arguments, 0)?)),
    ("append", |arguments, _| write(OpenOptions::new().append(true), path(arguments, 0)?)),
    ("rewrite", |arguments, _| write(OpenOptions::new().write(true).truncate(true), path(arguments, 0)?)),
    ("ftruncate", |arguments, _| Ok(OpenOptions::new().write(true).open(path(arguments, 0)?)?.set_len(1)?)),
    ("create", |arguments, _| write(OpenOptions::new().write(true).create_new(true), path(arguments, 0)?)),
    ("open-create", |arguments, _| write(OpenOptions::new().append(true).create(true), path(arguments, 0)?)),
    ("read-create", read_create),
    ("fill", fill),
];

fn read(path: impl AsRef<Path>) -> Result<()> {
    let mut content = Vec::new();
    File::open(path)?.read_to_end(&mut content)?;
    Ok(())
}

/// Reads every file of a folder.
fn read_each(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    for entry in fs::read_dir(path(arguments, 0)?)? {
        read(entry?.path())?;
    }
    Ok(())
}

/// Opens and keeps it open.
fn hold(arguments: &[OsString], hands: &mut Hands) -> Result<()> {
    hands.held.push(File::open(path(arguments, 0)?)?.into());
    Ok(())
}

/// Reads what is held, without opening anything.
fn read_held(_arguments: &[OsString], hands: &mut Hands) -> Result<()> {
    let mut content = Vec::new();
    File::from(hands.held.pop().context("nothing is held")?).read_to_end(&mut content)?;
    Ok(())
}

fn by_path(path: &OsStr) -> Result<File> {
    Ok(openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?.into())
}

/// Opens a descriptor of a path only, and then the file by that descriptor.
fn path_reopen(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let found = by_path(path(arguments, 0)?)?;
    read(format!("/proc/self/fd/{}", found.as_raw_fd()))
}

fn write(options: &mut OpenOptions, path: &OsStr) -> Result<()> {
    Ok(options.mode(0o600).open(path)?.write_all(b"x")?)
}

/// Opens for reading what it makes by that.
fn read_create(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let flags = OFlags::CREATE | OFlags::RDONLY | OFlags::CLOEXEC;
    openat(CWD, path(arguments, 0)?, flags, Mode::RUSR | Mode::WUSR).map(drop).map_err(Into::into)
}

/// `fill FOLDER COUNT NAME`: makes and reads so many files of one name, each in a folder of its own, and removes them again.
fn fill(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    let (folder, name) = (Path::new(path(arguments, 0)?), path(arguments, 2)?);
    for index in 0..number(arguments, 1)? {
        let place = folder.join(index.to_string());
        fs::create_dir_all(&place)?;
        let file = place.join(name);
        fs::write(&file, "nothing to see")?;
        read(&file)?;
        fs::remove_file(&file)?;
        fs::remove_dir(&place)?;
    }
    Ok(())
}
