//! `cargo xtask test`: all tests, on the host and in every kernel of the matrix.

mod binaries;
mod delivery;
mod guest;
mod host;
mod libtest;
mod matrix;
mod report;

use anyhow::Result;

use self::{binaries::Binaries, matrix::MATRIX, report::Report};
pub(crate) use self::{
    binaries::{programs, tests},
    libtest::target,
    matrix::kernels,
};
use crate::{
    arch::Arch,
    at_once,
    cli::{TestArgs, TestSuite, Variant},
    ebpf,
    exit::Exit,
    setup::{self, Needs, Package},
    ui,
};

/// The runtime of real containers: its package and its program.
const RUNTIME: (&str, &str) = ("crun", "crun");

/// `cargo xtask test`.
pub(crate) fn command(args: &TestArgs) -> Result<u8> {
    if args.suite == Some(TestSuite::Delivery) {
        return delivery::run(args);
    }
    let rows = rows(args)?;
    let mut series: Vec<String> = rows.iter().map(|(name, _)| (*name).to_owned()).collect();
    series.dedup();
    let arch = Arch::here()?;
    let runtime = Package(RUNTIME.0.to_owned(), RUNTIME.1.to_owned());
    let test = || Needs { packages: vec![runtime], ..Needs::test(arch, &series) };
    setup::ensure(&if rows.is_empty() { Needs::build() } else { test() })?;

    let mut report = Report::default();
    // Everything that can still be tried is tried: one run shows all that is broken.
    let kernel_tests = report.step("build-ebpf", || ebpf::build(arch).map(drop)).is_some();
    // First, because `cargo test` does not build the agent that the tests of its behaviour start.
    let binaries = report.step("build of the kernel tests", || Binaries::build(arch));
    let host = report.step("cargo test", host::run);
    if let Some(host) = host {
        report.push(host.row(binaries.as_ref()));
    }
    match binaries {
        Some(binaries) if kernel_tests && !binaries.tests.is_empty() => {
            let run = |(series, variant): &(&str, Variant)| guest::run(&binaries, arch, series, *variant);
            for row in at_once::each(&rows, at_once::guests(), run) {
                report.push(row);
            }
        }
        Some(_) if kernel_tests && !rows.is_empty() => ui::note("there are no kernel tests"),
        _ if !rows.is_empty() => ui::note("the kernel tests were not run, because a build failed"),
        _ => {}
    }
    Ok(report.print())
}

/// The part of the matrix that was asked for.
fn rows(args: &TestArgs) -> Result<Vec<(&'static str, Variant)>> {
    if args.host_only {
        return Ok(Vec::new());
    }
    if let Some(unknown) = args.kernels.iter().find(|name| !MATRIX.iter().any(|(series, _)| series == name)) {
        let known = kernels().join(", ");
        return Err(Exit::usage(format!("kernel {unknown:?} is not in the matrix, which has {known}")).into());
    }
    let wanted = |series: &str| args.kernels.is_empty() || args.kernels.iter().any(|name| name == series);
    Ok(MATRIX.into_iter().filter(|(series, _)| wanted(series)).collect())
}
