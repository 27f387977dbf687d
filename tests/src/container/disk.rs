//! File systems of other kinds, in a file and mounted over a loop device.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{UnmountFlags, unmount};

use super::image::find;

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In memory.
    Tmpfs,
    /// ext4.
    Ext4,
    /// XFS, which can share content between files.
    Xfs,
    /// btrfs, whose files tell another device than the kernel's own.
    Btrfs,
}

/// A mounted file system; unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    /// Where it is mounted.
    pub path: PathBuf,
    image: PathBuf,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Tmpfs, Self::Ext4, Self::Xfs, Self::Btrfs];

    /// Its name for the kernel.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// The command that makes it, its size, and the package that has the command.
    const fn maker(self) -> Option<(&'static [&'static str], u64, &'static str)> {
        match self {
            Self::Tmpfs => None,
            Self::Ext4 => Some((&["mke2fs", "-q", "-F", "-t", "ext4"], 8 << 20, "e2fsprogs")),
            // So small a disk is for tests only.
            Self::Xfs => Some((&["mkfs.xfs", "-q", "--unsupported"], 64 << 20, "xfsprogs")),
            Self::Btrfs => Some((&["mkfs.btrfs", "-q"], 128 << 20, "btrfs-progs")),
        }
    }
}

impl Disk {
    /// Makes one and mounts it at `path`.
    pub fn mount(kind: Kind, path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("make {}", path.display()))?;
        let disk = Self { path: path.to_owned(), image: path.with_extension("image") };
        let Some((words, size, package)) = kind.maker() else {
            run(Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(path))?;
            return Ok(disk);
        };
        File::create(&disk.image).and_then(|file| file.set_len(size)).context("make the disk's file")?;
        let (program, options) = words.split_first().context("a maker is a program")?;
        let program = find(program).with_context(|| format!("{program} is not there: install package {package}"))?;
        run(Command::new(program).args(options).arg(&disk.image))?;
        run(Command::new("mount").args(["-o", "loop", "-t", kind.name()]).arg(&disk.image).arg(path))
            .with_context(|| format!("mount {}; it takes the modules loop and {0}", kind.name()))?;
        Ok(disk)
    }

    /// The loop device below it.
    pub fn device(&self) -> Result<PathBuf> {
        for entry in fs::read_dir("/sys/block").context("list the block devices")?.flatten() {
            let backing = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
            if Path::new(backing.trim_end()) == self.image {
                return Ok(Path::new("/dev").join(entry.file_name()));
            }
        }
        anyhow::bail!("no loop device is over {}", self.image.display())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A mount that somebody still uses goes away with its user.
        let _unmounted = unmount(&self.path, UnmountFlags::DETACH);
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
