//! What this machine has. Looks, and never changes anything.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{
    Needs, foreign,
    pins::{Package, Pins, Route},
};
use crate::{process, vm};

/// A compiler that was found, with the parts that building for the BPF target takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiler {
    pub(crate) rustc: PathBuf,
    pub(crate) cargo: PathBuf,
    pub(crate) clippy: Option<PathBuf>,
    /// For example `1.96.0` or `1.97.0-nightly`.
    pub(crate) version: String,
    pub(crate) llvm: u32,
    /// Whether the sources of `core` are beside it.
    pub(crate) has_source: bool,
}

/// What setup decides upon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) root: bool,
    /// rustup's nightlies, newest first.
    pub(crate) nightlies: Vec<Compiler>,
    /// The distribution's compiler, pinned or not.
    pub(crate) distribution: Option<Compiler>,
    /// Names of the packages whose files are there.
    pub(crate) packages: BTreeSet<String>,
    /// Folders of the bpf-linkers that are there.
    pub(crate) linkers: BTreeSet<PathBuf>,
    /// The libraries and tools of the guests' architecture are there.
    pub(crate) foreign: bool,
    /// Kernel series that are there.
    pub(crate) kernels: BTreeSet<String>,
}

impl Inventory {
    /// Looks at this machine, as far as `needs` asks.
    pub(crate) fn take(needs: &Needs, pins: &Pins) -> Result<Self> {
        let mut inventory = Self { root: rustix::process::geteuid().is_root(), ..Self::default() };
        let mut packages = Vec::new();
        if needs.compiler {
            inventory.nightlies = nightlies();
            inventory.distribution = distribution();
            for route in [&pins.rustup, &pins.distribution] {
                packages.extend(route.packages.iter().chain(&route.clippy_packages).cloned());
                packages.push(route.llvm_package());
                inventory.linkers.extend(linker(route)?);
            }
        }
        if let Some(arch) = needs.guests {
            packages.extend(vm::packages(arch));
            if !arch.is_here() {
                packages.extend(pins.distribution.packages.iter().cloned().chain(foreign::packages(arch)));
                inventory.foreign = foreign::is_there(arch)?;
            }
            for series in &needs.kernels {
                if vm::kernel::installed(arch, series)?.is_some() {
                    inventory.kernels.insert(series.clone());
                }
            }
        }
        packages.extend(needs.packages.iter().cloned());
        inventory.packages =
            packages.into_iter().filter(|Package(_, file)| process::exists(file)).map(|package| package.0).collect();
        Ok(inventory)
    }
}

/// The compiler of the distribution's packages.
pub(crate) fn distribution() -> Option<Compiler> {
    compiler(Path::new("/usr/bin"))
}

fn linker(route: &Route) -> Result<Option<PathBuf>> {
    let root = route.linker_root()?;
    Ok(root.join("bin/bpf-linker").is_file().then_some(root))
}

fn nightlies() -> Vec<Compiler> {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".rustup")));
    let Some(Ok(folders)) = home.map(|home| fs::read_dir(home.join("toolchains"))) else {
        return Vec::new();
    };
    let mut found: Vec<_> = folders
        .flatten()
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("nightly"))
        // Asking a compiler its version costs time: only where the sources make it worth it.
        .filter(|folder| has_source(&folder.path()))
        .filter_map(|folder| compiler(&folder.path().join("bin")))
        .collect();
    found.sort_by(|a, b| vm::kernel::compare(&b.version, &a.version));
    found
}

fn has_source(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file()
}

fn compiler(bin: &Path) -> Option<Compiler> {
    let rustc = bin.join("rustc");
    let cargo = bin.join("cargo");
    if !rustc.is_file() || !cargo.is_file() {
        return None;
    }
    let text = process::text(Command::new(&rustc).arg("-vV").env_remove("LD_LIBRARY_PATH")).ok()?;
    let (version, llvm) = versions(&text)?;
    let clippy = Some(bin.join("cargo-clippy")).filter(|file| file.is_file());
    Some(Compiler { rustc, cargo, clippy, version, llvm, has_source: has_source(bin.parent()?) })
}

/// Reads release and LLVM major version from `rustc -vV`.
fn versions(text: &str) -> Option<(String, u32)> {
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
    let llvm = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
    Some((field("release: ")?.to_owned(), llvm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_a_compiler_tells() {
        let text = "rustc 1.96.0\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(versions(text), Some(("1.96.0".to_owned(), 22)));
        assert_eq!(versions("rustc 1.96.0\n"), None);
    }
}
