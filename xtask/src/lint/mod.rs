//! `cargo xtask lint`: what a reviewer should not have to say.

mod dependencies;
mod sources;
mod workflows;

use std::process::Command;

use anyhow::Result;

use crate::{
    arch::Arch,
    chart,
    counts::Counts,
    ebpf, generate, process,
    setup::{self, Needs},
    ui, workspace,
};

/// What became of one check.
enum Outcome {
    Passed,
    Skipped(String),
}

/// A check's name, and the check.
type Check = (&'static str, fn() -> Result<Outcome>);

const CHECKS: [Check; 12] = [
    ("format", format),
    ("clippy", || cargo(&["clippy", "--all-targets", "--", "-D", "warnings"])),
    ("clippy of the kernel programs", kernel_programs),
    ("documentation", || run(workspace::cargo().args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))),
    ("files of the agent have at most 400 lines", || sources::lengths().map(|()| Outcome::Passed)),
    ("unsafe code only where it belongs", || sources::unsafe_code().map(|()| Outcome::Passed)),
    ("documents are as they are made", || generate::check().map(|()| Outcome::Passed)),
    ("manifests are valid for Kubernetes", || chart::validate().map(|()| Outcome::Passed)),
    ("licences, crates and sources of the dependencies", dependencies::allowed),
    ("known faults of the dependencies", dependencies::advisories),
    ("workflows of the forge", workflows::check),
    ("every crate inherits the workspace's lints", || sources::inherited_lints().map(|()| Outcome::Passed)),
];

/// `cargo xtask lint`.
pub(crate) fn command() -> u8 {
    let mut counts = Counts::default();
    let mut notes = Vec::new();
    for (name, check) in CHECKS {
        ui::step(&format!("lint: {name}"));
        match check() {
            Ok(Outcome::Passed) => counts.passed += 1,
            Ok(Outcome::Skipped(reason)) => {
                counts.skipped += 1;
                notes.push(format!("SKIPPED {name}: {reason}"));
            }
            Err(error) => {
                counts.failed += 1;
                notes.push(format!("FAILED {name}: {error:#}"));
            }
        }
    }
    for note in notes {
        ui::line(&note);
    }
    ui::line(&counts.to_string());
    u8::from(counts.failed > 0)
}

/// The fuzz targets are a workspace of their own, which `--all` does not reach.
fn format() -> Result<Outcome> {
    cargo(&["fmt", "--all", "--check"])?;
    run(workspace::cargo().current_dir(workspace::root().join("fuzz")).args(["fmt", "--check"]))
}

fn cargo(words: &[&str]) -> Result<Outcome> {
    run(workspace::cargo().args(words))
}

fn run(command: &mut Command) -> Result<Outcome> {
    process::run(command).map(|()| Outcome::Passed)
}

/// Linted for their own target by their own compiler's clippy: the host's does not know it.
fn kernel_programs() -> Result<Outcome> {
    let toolchain = setup::toolchain(&Needs::lint())?;
    let Some(clippy) = &toolchain.compiler.clippy else {
        let rustc = toolchain.compiler.rustc.display();
        return Ok(Outcome::Skipped(format!("{rustc} has no clippy beside it")));
    };
    let mut command = ebpf::cargo(Arch::here()?, &toolchain, clippy);
    command.args(["clippy", "--release"]).args(ebpf::target_args()).args(["--", "-D", "warnings"]);
    run(&mut command)
}
