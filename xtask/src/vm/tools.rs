//! Programs of the distribution for a guest, of its own architecture, with their libraries.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::libraries;
use crate::{arch::Arch, process, setup::foreign};

/// A program, and from where to where its libraries go.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) program: PathBuf,
    pub(crate) libraries: Vec<(PathBuf, PathBuf)>,
}

/// Finds a program: this machine's own, or that of an unpacked system.
pub(crate) fn find(arch: Arch, name: &str) -> Result<Tool> {
    if arch.is_here() {
        let program = process::find(name).with_context(|| format!("{name} is not on this machine: install its package"))?;
        let libraries = libraries::of(&program)?.into_iter().map(|library| (library.clone(), library)).collect();
        return Ok(Tool { program, libraries });
    }
    of_system(&foreign::root(arch)?, arch, name)
}

/// Finds a program of an unpacked system.
pub(crate) fn of_system(root: &Path, arch: Arch, name: &str) -> Result<Tool> {
    let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
    let program = folders.iter().map(|folder| root.join(folder).join(name)).find(|file| file.is_file());
    let program = program.with_context(|| format!("{name} for {} is not in {}", arch.debian(), root.display()))?;
    let libraries = closure(root, arch, &program)?;
    Ok(Tool { program, libraries })
}

/// The distribution has it in `sbin`.
pub(crate) fn is_for_root(arch: Arch, name: &str) -> Result<bool> {
    Ok(find(arch, name)?.program.parent().is_some_and(|folder| folder.ends_with("sbin")))
}

/// The libraries of a program that cannot be started here to tell them.
fn closure(root: &Path, arch: Arch, program: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let folders = ["lib", "usr/lib"].map(|folder| format!("{folder}/{}", arch.gnu()));
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    let mut open = vec![program.to_owned()];
    while let Some(file) = open.pop() {
        let text = process::text(Command::new("readelf").args(["-lW", "-dW"]).arg(&file).env("LC_ALL", "C"))?;
        for needed in needed(&text) {
            if !seen.insert(needed.to_owned()) {
                continue;
            }
            let places: Vec<String> = match needed.strip_prefix('/') {
                Some(path) => vec![path.to_owned()],
                None => folders.iter().map(|folder| format!("{folder}/{needed}")).collect(),
            };
            let place = places.iter().find(|place| root.join(place).is_file());
            let place = place.with_context(|| format!("{} needs {needed}, which is not there", file.display()))?;
            open.push(root.join(place));
            files.push((root.join(place), Path::new("/").join(place)));
        }
    }
    Ok(files)
}

/// The loader, as a path, and the libraries, as names.
fn needed(readelf: &str) -> Vec<&str> {
    let marks = ["Requesting program interpreter: ", "Shared library: ["];
    let after = |line| marks.iter().find_map(|mark| Some(str::split_once(line, mark)?.1.trim_end().trim_end_matches(']')));
    readelf.lines().filter_map(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_program_needs() {
        let text = "  INTERP 0x000318 0x000318\n      [Requesting program interpreter: /lib/ld-linux-aarch64.so.1]\n\
                    Dynamic section at offset 0xfb58 contains 28 entries:\n\
                     0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]\n 0x000000000000000c (INIT) 0x2000\n";
        assert_eq!(needed(text), ["/lib/ld-linux-aarch64.so.1", "libc.so.6"]);
        assert!(needed("There is no dynamic section in this file.\n").is_empty());
    }
}
