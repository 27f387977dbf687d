//! `toolchain.toml`: which compiler, LLVM and linker go together.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::workspace;

/// The pin file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    pub(crate) rustup: Route,
    pub(crate) distribution: Route,
    /// Packages of PyPI, with their versions.
    pub(crate) python: BTreeMap<String, String>,
}

/// One way to have a compiler that can build the kernel programs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Route {
    pub(crate) state: State,
    /// The version it was tried with; another one with the same LLVM is taken with a remark.
    pub(crate) rustc: String,
    pub(crate) llvm: u32,
    pub(crate) bpf_linker: String,
    #[serde(default)]
    pub(crate) packages: Vec<Package>,
    #[serde(default)]
    pub(crate) clippy_packages: Vec<Package>,
}

/// Whether anyone has seen a route work.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Tested,
    Untested,
}

/// A package of the distribution, and the file (or program in `PATH`) by which it is known to be there.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package(pub(crate) String, pub(crate) String);

impl Pins {
    /// Reads the pin file of this checkout.
    pub(crate) fn read() -> Result<Self> {
        let path = workspace::root().join("toolchain.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a valid pin file", path.display()))
    }
}

impl Route {
    /// The package with the LLVM that bpf-linker is linked with.
    pub(crate) fn llvm_package(&self) -> Package {
        Package(format!("llvm-{}-dev", self.llvm), format!("{}/bin/llvm-config", self.llvm_prefix()))
    }

    /// Where that package puts its LLVM.
    pub(crate) fn llvm_prefix(&self) -> String {
        format!("/usr/lib/llvm-{}", self.llvm)
    }

    /// The folder of the linker that belongs to this route.
    pub(crate) fn linker_root(&self) -> Result<PathBuf> {
        Ok(workspace::cache()?.join("tools").join(format!("bpf-linker-{}-llvm-{}", self.bpf_linker, self.llvm)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_file_of_this_checkout_is_valid() {
        let pins = Pins::read().expect("toolchain.toml is part of the checkout");
        assert!(!pins.distribution.packages.is_empty());
        assert!(pins.rustup.packages.is_empty(), "rustup's compiler is not installed by apt");
    }
}
