//! `cargo xtask test`: all tests, on the host and in every kernel of the matrix.

mod binaries;
mod budget;
mod delivery;
mod docker;
mod guest;
mod host;
mod libtest;
mod matrix;
mod report;

use anyhow::Result;

use self::{
    binaries::Binaries,
    matrix::{MATRIX, Part},
    report::Report,
};
pub(crate) use self::{
    binaries::{program, programs, released, tests},
    libtest::target,
    matrix::kernels,
};
use crate::{
    arch::Arch,
    at_once,
    cli::{TestArgs, TestSuite, Variant},
    ebpf,
    exit::Exit,
    prometheus, python,
    setup::{self, Needs, Package},
    ui,
};

/// The runtime of real containers: its package and its program.
const RUNTIME: (&str, &str) = ("crun", "crun");

/// Receivers to which the tests of the sinks send, and the browser that looks at the agent's page: packages, and a file of each.
const RECEIVERS: [(&str, &str); 4] = [
    ("rsyslog", "/usr/sbin/rsyslogd"),
    ("rsyslog-openssl", "/usr/share/doc/rsyslog-openssl"),
    ("prometheus-alertmanager", "/usr/bin/prometheus-alertmanager"),
    ("chromium", "/usr/bin/chromium"),
];

/// Shells whose completions are tried, and what judges the man pages.
const SHELLS: [(&str, &str); 3] = [("zsh", "zsh"), ("fish", "fish"), ("mandoc", "mandoc")];

/// What the tests that need no kernel of their own take besides a compiler.
pub(crate) fn receivers() -> Vec<Package> {
    RECEIVERS.iter().chain(&SHELLS).map(|(name, file)| Package((*name).to_owned(), (*file).to_owned())).collect()
}

/// `cargo xtask test`.
pub(crate) fn command(args: &TestArgs) -> Result<u8> {
    if args.suite == Some(TestSuite::Delivery) {
        return delivery::run(args);
    }
    let rows = rows(args)?;
    let mut series: Vec<String> = rows.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    series.sort_unstable();
    series.dedup();
    let arch = Arch::here()?;
    let runtime = Package(RUNTIME.0.to_owned(), RUNTIME.1.to_owned());
    let mut needs = if rows.is_empty() { Needs::build() } else { Needs::test(arch, &series) };
    needs.packages = receivers();
    needs.packages.extend((!rows.is_empty()).then_some(runtime));
    setup::ensure(&needs)?;
    python::judges()?;
    prometheus::fetch()?;

    let mut report = Report::default();
    // Everything that can still be tried is tried: one run shows all that is broken.
    let kernel_tests = report.step("build-ebpf", || ebpf::build(arch).map(drop)).is_some();
    // First, because `cargo test` does not build the agent that the tests of its behaviour start.
    let binaries = report.step("build of the kernel tests", || Binaries::build(arch)?.only(&args.only));
    let host = if args.only.is_empty() { report.step("cargo test", host::run) } else { None };
    if let Some(host) = host {
        report.push(host.row(binaries.as_ref()));
    }
    match binaries {
        Some(binaries) if kernel_tests && !binaries.tests.is_empty() => {
            let run = |(series, variant, part): &(&str, Variant, Part)| match part {
                Part::Budget => budget::run(arch, series),
                part => guest::run(&binaries.part(*part), arch, series, *variant),
            };
            let wanted = |part: Part| {
                if part == Part::Budget { args.only.is_empty() } else { !binaries.part(part).tests.is_empty() }
            };
            let rows: Vec<_> = rows.into_iter().filter(|(_, _, part)| wanted(*part)).collect();
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
fn rows(args: &TestArgs) -> Result<Vec<(&'static str, Variant, Part)>> {
    if args.host_only {
        return Ok(Vec::new());
    }
    if let Some(unknown) = args.kernels.iter().find(|name| !MATRIX.iter().any(|(series, _, _)| series == name)) {
        let known = kernels().join(", ");
        return Err(Exit::usage(format!("kernel {unknown:?} is not in the matrix, which has {known}")).into());
    }
    let wanted = |series: &str| args.kernels.is_empty() || args.kernels.iter().any(|name| name == series);
    Ok(MATRIX.into_iter().filter(|(series, _, _)| wanted(series)).collect())
}
