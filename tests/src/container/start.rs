//! Starting and ending containers.

use std::{
    ffi::{CString, OsString},
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::{Pid, Signal, kill_process},
};
use tokio::process::Command;

use super::{Image, Place, Process, cgroup::Cgroup, intruder, oci, place::ContainerRef};

/// Who makes the container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runtime {
    /// This crate, by the system calls that a runtime makes.
    #[default]
    Own,
    /// The distribution's crun.
    Crun,
}

/// A file or folder of the host in a container.
#[derive(Clone, Debug)]
pub struct Volume {
    /// On the host.
    pub source: PathBuf,
    /// In the container.
    pub target: String,
}

/// What a container is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its image.
    pub image: Image,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// Whether it has a user namespace of its own.
    pub user_namespace: bool,
    /// The process whose pid namespace it shares; its own otherwise.
    pub pids_of: Option<u32>,
    /// Who makes it.
    pub runtime: Runtime,
    /// What its first process is, where that is not to wait.
    pub first: Vec<String>,
}

/// A running container; ended when dropped.
pub struct Container {
    /// 64 hex digits.
    pub id: String,
    /// Its first process, in our own pid namespace.
    pub pid: u32,
    /// Where the runtime keeps it: the overlay is mounted at `merged`, over `upper`.
    pub folder: PathBuf,
    runtime: Runtime,
    cgroup: Cgroup,
    first: Option<Process>,
}

impl Setup {
    /// A container of an image, with nothing else.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        Self {
            image: image.clone(),
            volumes: Vec::new(),
            user_namespace: false,
            pids_of: None,
            runtime: Runtime::Own,
            first: Vec::new(),
        }
    }

    /// With a volume.
    #[must_use]
    pub fn volume(mut self, source: &Path, target: &str) -> Self {
        self.volumes.push(Volume { source: source.to_owned(), target: target.to_owned() });
        self
    }
}

impl Container {
    /// Starts one, with its files below `folder`, and waits until it is up.
    pub async fn start(folder: &Path, setup: &Setup) -> Result<Self> {
        let id = random()? + &random()?;
        let pod = fs::read_to_string("/proc/sys/kernel/random/uuid").context("a pod's uid")?;
        let cgroup = Cgroup::new(&id, pod.trim())?;
        let folder = folder.join(format!("container-{}", id.chars().take(12).collect::<String>()));
        let merged = overlay(&folder, &setup.image)?;
        for volume in &setup.volumes {
            mount_point(&volume.source, &merged.join(volume.target.trim_start_matches('/')))?;
        }
        let command = match setup.runtime {
            Runtime::Own => contain(&merged, &cgroup, setup)?,
            Runtime::Crun => oci::run(&folder, &id, &cgroup.path, setup)?,
        };
        let mut container = Self { id, pid: 0, folder, runtime: setup.runtime, cgroup, first: None };
        let mut first = Process::spawned(command)?;
        let mut up = false;
        while !up || container.pid == 0 {
            if up && setup.runtime == Runtime::Crun {
                container.pid = oci::pid(&container.folder).await?;
                continue;
            }
            match first.line().await? {
                Some(line) if line == "up" => up = true,
                Some(line) => match line.strip_prefix("pid ") {
                    Some(pid) => container.pid = pid.parse().context("a number")?,
                    None => bail!("the container does not start: {line}"),
                },
                None => bail!("the container ended before it was up"),
            }
        }
        container.first = Some(first);
        Ok(container)
    }

    /// Has crun start one whose first process does something and ends; gives the id that it had.
    pub async fn once(folder: &Path, setup: &Setup) -> Result<String> {
        let id = random()? + &random()?;
        let pod = fs::read_to_string("/proc/sys/kernel/random/uuid").context("a pod's uid")?;
        let cgroup = Cgroup::new(&id, pod.trim())?;
        let folder = folder.join(format!("container-{}", id.chars().take(12).collect::<String>()));
        overlay(&folder, &setup.image)?;
        let status = oci::run(&folder, &id, &cgroup.path, setup)?.stdout(Stdio::null()).status().await.context("start crun")?;
        ensure!(status.success(), "the container's first process ended with {status}");
        cgroup.remove()?;
        unmount(folder.join("merged"), UnmountFlags::DETACH).context("unmount the overlay")?;
        Ok(id)
    }

    /// What scenarios and detectors go by.
    #[must_use]
    pub fn place(&self) -> Place {
        let (id, cgroup) = (self.id.clone(), self.cgroup.path.clone());
        Place::Container(ContainerRef { id, pid: self.pid, cgroup, merged: self.merged() })
    }

    /// Its root as `/proc` shows it.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.pid).into()
    }

    /// Its overlay on the host.
    #[must_use]
    pub fn merged(&self) -> PathBuf {
        self.folder.join("merged")
    }

    /// Where the host finds what the container has written.
    #[must_use]
    pub fn upper(&self) -> PathBuf {
        self.folder.join("upper")
    }

    /// The command that runs another one inside.
    pub(super) fn enter(&self, words: &[OsString]) -> Result<Command> {
        if self.runtime == Runtime::Crun {
            return oci::exec(&self.folder, &self.id, words);
        }
        let mut command = Command::new(intruder()?);
        command.arg("enter").arg(self.pid.to_string());
        for folder in self.cgroup.folders() {
            command.arg(format!("cgroup={}", folder.display()));
        }
        command.arg("--").args(words);
        Ok(command)
    }

    /// The number of a process that was started by [`Self::enter`].
    pub(super) async fn entered(&self, process: &mut Process) -> Result<u32> {
        if self.runtime == Runtime::Crun {
            return oci::entered(&self.folder).await;
        }
        process.number().await
    }

    /// Ends it and takes its mounts away.
    pub fn end(&mut self) -> Result<()> {
        let Some(first) = self.first.take() else { return Ok(()) };
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _killed = kill_process(pid, Signal::KILL);
        }
        drop(first);
        self.cgroup.remove()?;
        if self.runtime == Runtime::Crun {
            oci::delete(&self.folder, &self.id)?;
        }
        unmount(self.merged(), UnmountFlags::DETACH).context("unmount the overlay")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // What is left behind disturbs no other scenario.
        let _ended = self.end();
    }
}

/// Mounts the image with a writable layer, as containerd's snapshotter does.
fn overlay(folder: &Path, image: &Image) -> Result<PathBuf> {
    for name in ["upper", "work", "merged"] {
        fs::create_dir_all(folder.join(name)).with_context(|| format!("make {}", folder.display()))?;
    }
    let (at, merged) = (folder.display(), folder.join("merged"));
    let options = CString::new(format!("lowerdir={},upperdir={at}/upper,workdir={at}/work", image.lowerdir()))?;
    mount("overlay", &merged, "overlay", MountFlags::empty(), Some(options.as_c_str())).context("mount the overlay")?;
    Ok(merged)
}

/// A runtime makes what a volume is mounted on.
fn mount_point(source: &Path, target: &Path) -> Result<()> {
    if target.exists() {
        return Ok(());
    }
    fs::create_dir_all(target.parent().context("a mount point has a folder")?)?;
    if source.is_dir() { fs::create_dir(target) } else { fs::write(target, "") }
        .with_context(|| format!("make {}", target.display()))
}

fn contain(merged: &Path, cgroup: &Cgroup, setup: &Setup) -> Result<Command> {
    let mut command = Command::new(intruder()?);
    command.arg("contain").arg(merged);
    for folder in cgroup.folders() {
        command.arg(format!("cgroup={}", folder.display()));
    }
    for Volume { source, target } in &setup.volumes {
        command.arg(format!("volume={}:{target}", source.display()));
    }
    if let Some(pid) = setup.pids_of {
        command.arg(format!("pids-of={pid}"));
    }
    if setup.user_namespace {
        command.arg("user");
    }
    Ok(command)
}

fn random() -> Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").context("a random id")?;
    Ok(text.chars().filter(char::is_ascii_hexdigit).collect())
}
