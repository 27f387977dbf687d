//! The images of a node that nothing leads to: the agent's as it is shipped, a pause that waits, a workload.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    arch::Arch,
    image::{self, Layer},
    process, workspace,
};

/// The workload's name.
pub(super) const WORKLOAD: &str = "localhost/koney-e2e:1";

/// Archives for the runtime.
pub(super) fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let arch = Arch::here()?;
    let busybox = process::find("busybox").context("busybox is not there: run cargo xtask setup")?;
    let busybox = fs::read(&busybox).with_context(|| format!("cannot read {}", busybox.display()))?;
    let agent = format!("localhost/koney-agent:{}", env!("CARGO_PKG_VERSION"));
    let mut archives = vec![save(folder, "agent", &image::archive(&agent, &[arch])?)?];
    // The runtime's own container of each pod; it waits.
    let pause = program(&busybox, &["sleep"])?;
    archives.push(save(folder, "pause", &image::of_layer("localhost/pause:1", arch, &pause, &["/bin/sleep", "2147483647"])?)?);
    let workload = program(&busybox, &["sh", "sleep", "cat", "mkdir", "echo"])?;
    archives.push(save(folder, "workload", &image::of_layer(WORKLOAD, arch, &workload, &["/bin/sh"])?)?);
    Ok(archives)
}

fn program(busybox: &[u8], applets: &[&str]) -> Result<Vec<u8>> {
    let mut layer = Layer::default();
    layer.folders(&["bin", "tmp", "proc", "sys", "dev", "etc", "run"])?;
    layer.file("bin/busybox", 0o755, busybox)?;
    for applet in applets {
        layer.link(&format!("bin/{applet}"), "busybox")?;
    }
    layer.finish()
}

fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let file = folder.join(format!("{name}.tar"));
    workspace::write_atomically(&file, bytes)?;
    Ok(file)
}
