//! bpf-linker, from crates.io, linked with the LLVM of the compiler it will serve.

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result};

use super::pins::Pins;
use crate::{process, ui, workspace};

/// Builds the linker into koney's cache.
pub(crate) fn build(version: &str, llvm: u32) -> Result<()> {
    let pins = Pins::read()?;
    let route = [&pins.rustup, &pins.distribution]
        .into_iter()
        .find(|route| route.bpf_linker == version && route.llvm == llvm)
        .with_context(|| format!("toolchain.toml pins no bpf-linker {version} with LLVM {llvm}"))?;
    let (root, prefix) = (route.linker_root()?, PathBuf::from(route.llvm_prefix()));
    ui::step(&format!("setup: bpf-linker {version} takes about two minutes to build"));

    // Without both, its build finds whichever LLVM comes first.
    let path = env::var_os("PATH").unwrap_or_default();
    let path =
        env::join_paths(std::iter::once(prefix.join("bin")).chain(env::split_paths(&path))).context("PATH cannot be extended")?;
    let scratch = root.join("build");
    let mut cargo = workspace::cargo();
    cargo
        .args(["install", "bpf-linker", "--locked", "--no-default-features", "--version", version])
        .args(["--features", &format!("llvm-{llvm}"), "--root"])
        .arg(&root)
        // Not in the checkout, whose cargo configuration is for koney.
        .current_dir("/")
        .env("PATH", path)
        .env("LLVM_PREFIX", prefix)
        .env("CARGO_TARGET_DIR", &scratch)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut cargo)?;
    fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))
}
