//! The same by a real OCI runtime: crun, with a bundle as containerd writes one.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::{process::Command, time::sleep};

use super::{BIN, Setup, Volume, image::find};

const STEP: Duration = Duration::from_millis(5);
const STEPS: u32 = 6000;

fn crun(folder: &Path) -> Result<Command> {
    let program = find("crun").context("crun is not there: install package crun")?;
    let mut command = Command::new(program);
    command.arg("--root").arg(folder.join("crun")).arg("--cgroup-manager=cgroupfs");
    Ok(command)
}

/// The command that makes the container and stays until it ends.
pub(super) fn run(folder: &Path, id: &str, cgroup: &Path, setup: &Setup) -> Result<Command> {
    ensure!(setup.pids_of.is_none() && !setup.user_namespace, "only a plain container is made by crun");
    let config = serde_json::to_vec_pretty(&config(folder, cgroup, setup))?;
    fs::write(folder.join("config.json"), config).context("write the bundle's config.json")?;
    let mut command = crun(folder)?;
    command.arg("run").arg("--bundle").arg(folder).arg("--pid-file").arg(first(folder)).arg(id);
    Ok(command)
}

/// The container's first process, as soon as crun tells its number, which may be after it is up.
pub(super) async fn pid(folder: &Path) -> Result<u32> {
    told(&first(folder)).await
}

/// The command that runs another one inside.
pub(super) fn exec(folder: &Path, id: &str, words: &[OsString]) -> Result<Command> {
    let file = second(folder);
    if file.exists() {
        fs::remove_file(&file)?;
    }
    let mut command = crun(folder)?;
    command.arg("exec").arg("--cwd").arg("/").arg("--pid-file").arg(file).arg(id).args(words);
    Ok(command)
}

/// The process that [`exec`] has started, as soon as crun tells its number.
pub(super) async fn entered(folder: &Path) -> Result<u32> {
    told(&second(folder)).await
}

async fn told(file: &Path) -> Result<u32> {
    for _ in 0..STEPS {
        if let Some(pid) = number(file) {
            return Ok(pid);
        }
        sleep(STEP).await;
    }
    bail!("crun does not tell which process it has started")
}

/// Removes what crun remembers of a container that has ended.
pub(super) fn delete(folder: &Path, id: &str) -> Result<()> {
    let mut command = crun(folder)?.into_std();
    let output = command.args(["delete", "--force", id]).output().context("start crun")?;
    ensure!(output.status.success(), "crun delete: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn first(folder: &Path) -> PathBuf {
    folder.join("pid")
}

fn second(folder: &Path) -> PathBuf {
    folder.join("exec.pid")
}

fn number(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn config(folder: &Path, cgroup: &Path, setup: &Setup) -> Value {
    let mut mounts = vec![json!({"destination": "/proc", "type": "proc", "source": "proc"})];
    mounts.extend(setup.volumes.iter().map(|Volume { source, target }| {
        json!({"destination": target, "type": "bind", "source": source, "options": ["rbind", "rprivate"]})
    }));
    let waiting = [BIN, "pause"].map(str::to_owned);
    let first = if setup.first.is_empty() { waiting.as_slice() } else { &setup.first };
    let kinds = ["pid", "mount", "ipc", "uts", "cgroup"];
    let all = ["CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE"];
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": first,
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {"bounding": all, "effective": all, "permitted": all},
        },
        "root": {"path": folder.join("merged")},
        "mounts": mounts,
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": kinds.map(|kind| json!({"type": kind})),
        },
    })
}
