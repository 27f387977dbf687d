//! A program of this machine, and the shared libraries without which it does not start.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::process;

/// All files that `program` needs besides itself, by the paths at which it looks for them.
pub(crate) fn of(program: &Path) -> Result<Vec<PathBuf>> {
    let mut start = Vec::new();
    fs::File::open(program)
        .and_then(|file| file.take(256).read_to_end(&mut start))
        .with_context(|| format!("cannot read {}", program.display()))?;
    if let Some(interpreter) = interpreter(&start) {
        // The guest has a shell of its own.
        if interpreter == Path::new("/bin/sh") {
            return Ok(Vec::new());
        }
        let mut files = of(&interpreter)?;
        files.push(interpreter);
        return Ok(files);
    }
    if !start.starts_with(b"\x7fELF") {
        bail!("{} is neither a program nor a script", program.display());
    }
    let mut ldd = Command::new("ldd");
    ldd.arg(program).env("LC_ALL", "C").env_remove("LD_LIBRARY_PATH");
    let output = ldd.output().with_context(|| format!("cannot start {}", process::describe(&ldd)))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if out.contains("statically linked") || err.contains("not a dynamic executable") {
        return Ok(Vec::new());
    }
    if !output.status.success() {
        bail!("{} failed with {}: {}", process::describe(&ldd), output.status, err.trim());
    }
    parse(&out).with_context(|| format!("{} lacks a library", program.display()))
}

/// The program in a script's first line.
fn interpreter(start: &[u8]) -> Option<PathBuf> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.split_whitespace().next().map(PathBuf::from)
}

fn parse(ldd: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for line in ldd.lines().map(str::trim) {
        let place = line.split_once("=> ").map_or(line, |(_, place)| place);
        if place.starts_with("not found") {
            bail!("{line}");
        }
        // The kernel's own library (vdso) is named without a path.
        if let Some(path) = place.split(" (").next().filter(|path| path.starts_with('/')) {
            files.push(PathBuf::from(path));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_files_that_ldd_lists() {
        let ldd = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                   \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let files = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(parse(ldd).expect("complete"), files);
        assert!(parse("\tlibnone.so => not found\n").is_err());
    }

    #[test]
    fn a_script_needs_its_interpreter() {
        assert_eq!(interpreter(b"#! /bin/bash -e\nexit"), Some("/bin/bash".into()));
        assert_eq!(interpreter(b"\x7fELF"), None);
    }
}
