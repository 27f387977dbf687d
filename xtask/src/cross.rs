//! Cargo for programs of any architecture that koney runs on.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{
    arch::Arch,
    setup::{self, foreign},
    workspace,
};

/// A cargo command for programs of `arch`: the developer's own, or the distribution's with what another architecture takes.
///
/// Programs for a foreign guest are static, because this machine has no shared libraries that could come along.
pub(crate) fn cargo(arch: Arch, words: &[&str]) -> Result<Command> {
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
        .env(variable("RUSTFLAGS"), format!("--sysroot={} -C target-feature=+crt-static", sysroot.display()))
        .args(words)
        .args(["--target", &arch.triple()]);
    Ok(cargo)
}
