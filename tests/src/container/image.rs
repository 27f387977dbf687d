//! Images: folders that become the lower layers of containers.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::process::intruder;

/// Where an image has its programs.
pub const BIN: &str = "/bin/koney-act";

/// Programs of busybox by their own names.
const APPLETS: [&str; 5] = ["sh", "cat", "mv", "mkdir", "tar"];
/// What a root has besides.
const FOLDERS: [&str; 9] = ["bin", "dev", "etc", "mnt", "proc", "run", "sys", "tmp", "var"];

/// The layer with the programs, which all images share; gone when dropped.
pub struct Images {
    base: tempfile::TempDir,
}

/// An image: its own layer on top of the shared one.
#[derive(Clone, Debug)]
pub struct Image {
    layer: PathBuf,
    base: PathBuf,
}

impl Images {
    /// Makes the shared layer from programs of this machine.
    pub fn new() -> Result<Self> {
        let base = tempfile::Builder::new().prefix("koney-image-").tempdir().context("make a folder for the image")?;
        let root = base.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        for folder in FOLDERS {
            fs::create_dir(root.join(folder)).with_context(|| format!("make {folder}"))?;
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
        symlink("/run", root.join("var/run"))?;
        mknodat(CWD, root.join("dev/null"), FileType::CharacterDevice, Mode::from(0o666), makedev(1, 3))
            .context("make /dev/null")?;
        install(root, &intruder()?, BIN)?;
        let busybox = find("busybox").context("busybox is not there: install package busybox-static")?;
        install(root, &busybox, "/bin/busybox")?;
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet))?;
        }
        if let Some(perl) = find("perl") {
            install(root, &perl, "/bin/perl")?;
        }
        Ok(Self { base })
    }

    /// An image whose own layer is `layer`, a folder that may be filled until its first container starts.
    pub fn image(&self, layer: &Path) -> Result<Image> {
        fs::create_dir_all(layer).with_context(|| format!("make {}", layer.display()))?;
        fs::set_permissions(layer, fs::Permissions::from_mode(0o755))?;
        Ok(Image { layer: layer.to_owned(), base: self.base.path().to_owned() })
    }
}

impl Image {
    /// Its layers as overlayfs takes them, top first.
    #[must_use]
    pub fn lowerdir(&self) -> String {
        format!("{}:{}", self.layer.display(), self.base.display())
    }

    /// Where a path of the image's own layer is on the host.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.layer.join(path.trim_start_matches('/'))
    }

    /// Puts a file into the layer, with its folders.
    pub fn put(&self, path: &str, content: &str) -> Result<PathBuf> {
        let file = self.path(path);
        fs::create_dir_all(file.parent().context("a file has a folder")?)?;
        fs::write(&file, content).with_context(|| format!("write {}", file.display()))?;
        Ok(file)
    }
}

/// A program of this machine, which must be there.
pub fn program(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not in the PATH"))
}

/// A program of this machine.
#[must_use]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Copies a program with its libraries, which lie where they lie here.
fn install(root: &Path, source: &Path, dest: &str) -> Result<()> {
    copy(source, &root.join(dest.trim_start_matches('/')))?;
    for library in libraries(source)? {
        copy(&library, &root.join(library.strip_prefix("/")?))?;
    }
    Ok(())
}

fn copy(source: &Path, dest: &Path) -> Result<()> {
    fs::create_dir_all(dest.parent().context("a file has a folder")?)?;
    fs::copy(source, dest).with_context(|| format!("copy {} to {}", source.display(), dest.display()))?;
    Ok(())
}

/// The loader itself tells (`ld.so(8)`); a static program has none and is not started.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let content = fs::read(program).with_context(|| format!("read {}", program.display()))?;
    if !has_loader(&content) {
        return Ok(Vec::new());
    }
    let output = Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").output().context("ask for the libraries")?;
    ensure!(output.status.success(), "{} does not tell its libraries", program.display());
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(words.map(PathBuf::from).collect())
}

/// Whether a program header names a loader (`PT_INTERP`, `elf(5)`). Its name alone is in static programs too.
fn has_loader(program: &[u8]) -> bool {
    const PT_INTERP: [u8; 4] = [3, 0, 0, 0];
    let number = |at: usize, width: usize| {
        let bytes = program.get(at..at + width)?;
        bytes.iter().rev().try_fold(0_usize, |number, byte| number.checked_mul(256)?.checked_add(usize::from(*byte)))
    };
    let (Some(start), Some(size), Some(count)) = (number(32, 8), number(54, 2), number(56, 2)) else { return false };
    let header = |index: usize| program.get(start.checked_add(index * size)?..);
    program.starts_with(b"\x7fELF") && (0..count).filter_map(header).any(|header| header.starts_with(&PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dynamic_program_has_a_loader() {
        assert!(has_loader(&fs::read("/proc/self/exe").expect("this test")));
        assert!(!has_loader(b"#!/lib/ld-linux.so"));
        let mut program = [0; 128];
        program[..4].copy_from_slice(b"\x7fELF");
        (program[32], program[54], program[56]) = (64, 32, 2);
        assert!(!has_loader(&program));
        program[96] = 3;
        assert!(has_loader(&program));
    }
}
