//! A container's control group, named as containerd with the systemd driver names it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// Longest wait for a group's last process to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// One group, in each hierarchy that containers are told apart by; removed when dropped.
#[derive(Debug)]
pub(crate) struct Cgroup {
    /// Below the mount.
    pub(crate) path: PathBuf,
    folders: Vec<PathBuf>,
}

impl Cgroup {
    pub(crate) fn new(id: &str, pod: &str) -> Result<Self> {
        let slice = format!("kubepods-besteffort-pod{}.slice", pod.replace('-', "_"));
        let path = Path::new("/kubepods.slice/kubepods-besteffort.slice").join(slice).join(format!("cri-containerd-{id}.scope"));
        let mut folders = Vec::new();
        for root in roots() {
            let folder = root.join(path.strip_prefix("/").context("the path is absolute")?);
            fs::create_dir_all(&folder).with_context(|| format!("make the cgroup {}", folder.display()))?;
            folders.push(folder);
        }
        Ok(Self { path, folders })
    }

    /// The folders by which processes join.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Removes the group and its parents as far as nobody else uses them.
    pub(crate) fn remove(&self) -> Result<()> {
        for folder in &self.folders {
            let started = Instant::now();
            // The kernel counts a killed process in for a moment longer.
            while let Err(error) = fs::remove_dir(folder) {
                match error.kind() {
                    io::ErrorKind::NotFound => break,
                    io::ErrorKind::ResourceBusy if started.elapsed() < PATIENCE => std::thread::yield_now(),
                    _ => return Err(error).with_context(|| format!("remove the cgroup {}", folder.display())),
                }
            }
            for parent in folder.ancestors().skip(1).take(3) {
                if fs::remove_dir(parent).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Version 2, or the memory controller's hierarchy of version 1.
fn roots() -> Vec<PathBuf> {
    let v1 = Path::new("/sys/fs/cgroup/memory");
    vec![if v1.is_dir() { v1.to_owned() } else { "/sys/fs/cgroup".into() }]
}
