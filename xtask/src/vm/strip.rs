//! Programs without their debug information, which would be most of a guest's memory.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};

use crate::{arch::Arch, process, workspace};

/// Files below this size are not worth the time.
const LIMIT: u64 = 8 << 20;

/// Guests that start side by side ask for the same programs.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The file to put into a guest for `source`: itself, or a copy that is kept for the next run.
pub(crate) fn stripped(source: &Path) -> Result<PathBuf> {
    let meta = fs::metadata(source).with_context(|| format!("cannot read {}", source.display()))?;
    let Some(objcopy) = objcopy(&start(source)?).filter(|_| meta.len() >= LIMIT) else {
        return Ok(source.to_owned());
    };
    let name = source.file_name().context("a program has a name")?.to_string_lossy();
    let folder = workspace::target().join("vm/stripped");
    let copy = folder.join(format!("{name}.{}-{}-{}", meta.ino(), meta.mtime(), meta.mtime_nsec()));
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if copy.exists() {
        return Ok(copy);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    forget_older(&folder, &name)?;
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    process::run(Command::new(objcopy).arg("--strip-debug").arg(source).arg(&draft))?;
    fs::rename(&draft, &copy).with_context(|| format!("cannot create {}", copy.display()))?;
    Ok(copy)
}

fn start(file: &Path) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut start = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(20).read_to_end(&mut start));
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(start)
}

/// The tool for a file that starts so, if it is a program: each architecture has its own.
fn objcopy(start: &[u8]) -> Option<String> {
    let machine = start.strip_prefix(b"\x7fELF")?.get(14..16)?;
    let arch = if machine == [183, 0] { Arch::Arm64 } else { Arch::Amd64 };
    Some(if arch.is_here() { "objcopy".to_owned() } else { format!("{}-objcopy", arch.gnu()) })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_are_stripped_each_with_its_own_tool() {
        let program = |machine: u8| [&b"\x7fELF\x02\x01\x01"[..], &[0; 11], &[machine, 0]].concat();
        let tools = [62, 183].map(|machine| objcopy(&program(machine)).expect("a program"));
        assert_ne!(tools[0], tools[1]);
        assert_eq!(objcopy(b"#!/bin/sh\n"), None);
        assert_eq!(objcopy(b"\x7fELF"), None);
    }
}
