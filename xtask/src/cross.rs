//! Cargo for programs of any architecture that koney runs on.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    arch::Arch,
    setup::{self, foreign},
    workspace,
};

/// A cargo command for programs of `arch`: the developer's own, or the distribution's with what another architecture takes.
///
/// Programs for a foreign guest are static, because this machine has no shared libraries that could come along.
pub(crate) fn cargo(arch: Arch, words: &[&str]) -> Result<Command> {
    flagged(arch, words, "")
}

/// The same for a program that is given away: static, for any machine of its kind, and without a trace of where it was built.
pub(crate) fn distributed(arch: Arch, words: &[&str]) -> Result<Command> {
    let cargo_home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir().context("no home folder: set HOME or CARGO_HOME")?.join(".cargo"),
    };
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    // Of those that match a path, the last counts: the target folder may lie in the checkout.
    let flags = [(workspace::root(), "/koney"), (cargo_home, "/cargo"), (workspace::target(), "/target")];
    let flags = flags.map(|(from, to)| remap(&from, to)).join(" ");
    let mut cargo = flagged(arch, words, &flags)?;
    if arch.is_here() {
        // Given with a target, flags are for the program and not for what builds it.
        cargo.args(["--target", &arch.triple()]).env("RUSTFLAGS", format!("-C target-feature=+crt-static {flags}"));
    }
    Ok(cargo)
}

fn flagged(arch: Arch, words: &[&str], flags: &str) -> Result<Command> {
    if arch.is_here() {
        let mut cargo = workspace::cargo();
        cargo.args(words);
        return Ok(cargo);
    }
    if Arch::here()? != Arch::Amd64 {
        bail!("programs for {} are built on an amd64 machine only", arch.debian());
    }
    let compiler = setup::distribution_compiler()?;
    let mut cargo = Command::new(&compiler.cargo);
    workspace::forget_toolchain(&mut cargo);
    let variable = |name: &str| format!("CARGO_TARGET_{}_{name}", arch.triple().replace('-', "_").to_uppercase());
    let sysroot = foreign::sysroot(arch)?;
    cargo
        .current_dir(workspace::root())
        .env("CARGO", &compiler.cargo)
        .env("RUSTC", &compiler.rustc)
        .env("CARGO_TARGET_DIR", workspace::target())
        .env(variable("LINKER"), format!("{}-gcc", arch.gnu()))
        .env(variable("RUSTFLAGS"), format!("--sysroot={} -C target-feature=+crt-static {flags}", sysroot.display()).trim_end())
        .args(words)
        .args(["--target", &arch.triple()]);
    Ok(cargo)
}
