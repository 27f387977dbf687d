//! Programs without their debug information, which would be most of a guest's memory.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{process, workspace};

/// Files below this size are not worth the time.
const LIMIT: u64 = 8 << 20;

/// The file to put into a guest for `source`: itself, or a copy that is kept for the next run.
pub(crate) fn stripped(source: &Path) -> Result<PathBuf> {
    let meta = fs::metadata(source).with_context(|| format!("cannot read {}", source.display()))?;
    if meta.len() < LIMIT || !starts_like_a_program(source)? {
        return Ok(source.to_owned());
    }
    let name = source.file_name().context("a program has a name")?.to_string_lossy();
    let folder = workspace::target().join("vm/stripped");
    let copy = folder.join(format!("{name}.{}-{}-{}", meta.ino(), meta.mtime(), meta.mtime_nsec()));
    if copy.exists() {
        return Ok(copy);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    forget_older(&folder, &name)?;
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    process::run(Command::new("objcopy").arg("--strip-debug").arg(source).arg(&draft))?;
    fs::rename(&draft, &copy).with_context(|| format!("cannot create {}", copy.display()))?;
    Ok(copy)
}

fn starts_like_a_program(file: &Path) -> Result<bool> {
    use std::io::Read as _;
    let mut start = [0; 4];
    let read = fs::File::open(file).and_then(|mut file| file.read(&mut start));
    Ok(read.with_context(|| format!("cannot read {}", file.display()))? == 4 && &start == b"\x7fELF")
}

fn forget_older(folder: &Path, name: &str) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?.flatten() {
        let file = entry.file_name();
        if file.to_string_lossy().rsplit_once('.').is_some_and(|(stem, _)| stem == name) {
            fs::remove_file(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}
