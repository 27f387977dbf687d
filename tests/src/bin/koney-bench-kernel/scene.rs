//! The files. Their names are fixed, because the kernel's search for a name depends on it.

use std::{ffi::CString, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

/// The folder of all of them, on a tmpfs.
pub(crate) const FOLDER: &str = "/tmp/koney/bench";
/// The decoy.
pub(crate) const TRAP: &str = "/tmp/koney/bench/service_token";
/// What is unpacked, and where: in no folder that has the decoy somewhere in it.
const ARCHIVES: &str = "/srv/archives";
pub(crate) const ARCHIVE: &str = "/srv/archives/archive.tar";
pub(crate) const UNPACKED: &str = "/srv/archives/unpacked";

/// Files that are no traps: a hundred, so that a figure is that of no single inode number.
const FILES: usize = 100;
/// Folders of the archive and files in each, and their bytes.
const ARCHIVED: (usize, usize, usize) = (4, 8, 1024);

/// Makes all of it.
pub(crate) fn set() -> Result<()> {
    fs::create_dir_all(FOLDER).context("make a folder")?;
    // The same addresses in every process.
    fs::write("/proc/sys/kernel/randomize_va_space", "0").context("have no addresses at random")?;
    for file in files()? {
        fs::write(file.to_str().context("a name is text")?, "secret").context("write a file")?;
    }
    fs::write(TRAP, "secret").context("write the decoy")?;
    let source = Path::new(ARCHIVES).join("archive");
    let (folders, files, bytes) = ARCHIVED;
    for folder in 0..folders {
        let folder = source.join(format!("folder-{folder}"));
        fs::create_dir_all(&folder).context("make a folder")?;
        for file in 0..files {
            fs::write(folder.join(format!("file-{file}")), vec![b'x'; bytes]).context("write a file")?;
        }
    }
    let made = Command::new("busybox").args(["tar", "-cf", ARCHIVE, "-C", ARCHIVES, "archive"]).status();
    ensure!(made.context("start tar")?.success(), "tar made no archive");
    Ok(())
}

/// The files that are no traps.
pub(crate) fn files() -> Result<Vec<CString>> {
    (0..FILES).map(|number| Ok(CString::new(format!("{FOLDER}/ordinary-{number:02}"))?)).collect()
}
