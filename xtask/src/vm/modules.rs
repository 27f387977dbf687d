//! Kernel modules that a guest loads at boot.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::kernel::{self, Kernel};
use crate::process;

/// What Debian's cloud kernels do not have built in and every guest has.
const WANTED: [&str; 1] = ["overlay"];

/// Every guest's modules and `more`, uncompressed, in the order in which they are to be loaded.
pub(crate) fn load_order(kernel: &Kernel, more: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
    let index = kernel.modules.join("modules.dep");
    let dependencies = fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let mut order: Vec<&str> = Vec::new();
    for wanted in WANTED.iter().chain(more) {
        // A module that is not listed is built in.
        for file in with_dependencies(&dependencies, wanted) {
            if !order.contains(&file) {
                order.push(file);
            }
        }
    }
    order.into_iter().map(|file| Ok((name(file).to_owned(), read(&kernel.modules.join(file))?))).collect()
}

/// The files of a module and of all it depends on, those first.
fn with_dependencies<'a>(dependencies: &'a str, wanted: &str) -> Vec<&'a str> {
    let line = dependencies.lines().filter_map(|line| line.split_once(':')).find(|(file, _)| name(file) == wanted);
    // depmod lists them so that the last one comes first.
    line.map_or_else(Vec::new, |(file, others)| others.split_whitespace().rev().chain([file]).collect())
}

fn name(file: &str) -> &str {
    let base = file.rsplit('/').next().unwrap_or(file);
    base.split('.').next().unwrap_or(base)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    if kernel::is_compressed(file) {
        process::stdout(Command::new("xz").arg("-dc").arg(file))
    } else {
        fs::read(file).with_context(|| format!("cannot read {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first() {
        let index = "kernel/fs/overlayfs/overlay.ko.xz:\nkernel/a/top.ko: kernel/a/middle.ko kernel/a/base.ko\n";
        assert_eq!(with_dependencies(index, "overlay"), ["kernel/fs/overlayfs/overlay.ko.xz"]);
        let files = ["kernel/a/base.ko", "kernel/a/middle.ko", "kernel/a/top.ko"];
        assert_eq!(with_dependencies(index, "top"), files);
        assert!(with_dependencies(index, "absent").is_empty());
    }
}
