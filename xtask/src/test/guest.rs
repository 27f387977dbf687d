//! The kernel tests in one guest.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;

use super::{RUNTIME, binaries::Binaries, docker, libtest, libtest::Output, report::Row};
use crate::{
    arch::Arch,
    cli::Variant,
    ui,
    vm::{self, Spec, Verdict},
};

/// For all kernel tests of one guest; emulation on a busy machine is slow.
const TIMEOUT: Duration = Duration::from_mins(40);
/// The test that takes Docker's engine.
const DOCKER: &str = "cluster_docker";
const BEGIN: &str = "koney-test-begin:";
const END: &str = "koney-test-end:";

/// Boots a kernel and runs every kernel test in it.
pub(crate) fn run(binaries: &Binaries, arch: Arch, series: &str, variant: Variant) -> Row {
    let name = if variant == Variant::Default { series.to_owned() } else { format!("{series} {}", variant.name()) };
    ui::step(&format!("kernel tests in {name}"));
    let mut programs = Programs::default();
    let verdict = spec(binaries, arch, series, variant).and_then(|spec| {
        vm::run(&spec, &mut |line| {
            // Guests run side by side.
            ui::line(&format!("{name}| {line}"));
            programs.feed(line);
        })
    });
    let mut row = Row::new(series, variant.name());
    programs.count(&mut row, binaries);
    match verdict {
        Ok(Verdict::Exited(0)) => {}
        Ok(verdict) => row.fail(verdict.to_string()),
        Err(error) => row.fail(format!("{error:#}")),
    }
    row
}

fn spec(binaries: &Binaries, arch: Arch, series: &str, variant: Variant) -> Result<Spec> {
    let script: Vec<_> = binaries.tests.iter().map(|test| run_one(test)).collect();
    let mut spec = Spec::new(arch, series, ["sh", "-c", &script.join("\n")].map(str::to_owned).to_vec());
    spec.variant = variant;
    spec.tools.push(RUNTIME.1);
    spec.programs.extend(binaries.tests.iter().chain(&binaries.programs).cloned());
    let mut variables = vec![("KONEY_KERNEL_TESTS", "1".to_owned()), ("RUST_BACKTRACE", "1".to_owned())];
    for program in &binaries.programs {
        match name(program).as_str() {
            "koney-agent" => variables.push(("KONEY_AGENT", program.display().to_string())),
            "koney-demo" => variables.push(("KONEY_DEMO", program.display().to_string())),
            _ => {}
        }
    }
    spec.env = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    spec.timeout = TIMEOUT;
    if binaries.tests.iter().any(|test| libtest::target(&name(test)) == DOCKER) {
        spec.files.extend(docker::files(arch)?);
    }
    // The files are in memory twice while the guest leaves its first root.
    let files = spec.programs.iter().chain(spec.files.iter().map(|(source, _)| source));
    let size: u64 = files.filter_map(|file| fs::metadata(file).ok()).map(|meta| meta.len()).sum();
    if size > 512 << 20 {
        spec.memory_mib = 2560;
    }
    Ok(spec)
}

/// Kernel state is shared by all tests, so they run one by one.
fn run_one(test: &Path) -> String {
    let (name, path) = (name(test), test.display());
    format!(
        "echo '{BEGIN}{name}'\n'{path}' --ignored --test-threads=1 --nocapture --color never\ncode=$?\necho\necho \"{END}$code\""
    )
}

/// The name by which the guest knows a program.
fn name(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What the test programs of one guest printed.
#[derive(Default)]
struct Programs(Vec<(String, Output, Option<String>)>);

impl Programs {
    fn feed(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix(BEGIN) {
            self.0.push((name.to_owned(), Output::default(), None));
        } else if let Some((_, output, end)) = self.0.last_mut().filter(|(_, _, end)| end.is_none()) {
            match line.strip_prefix(END) {
                Some(code) => *end = Some(code.to_owned()),
                None => output.feed(line),
            }
        }
    }

    /// Adds them to a row; a program that was not run, or did not end, has failed.
    fn count(self, row: &mut Row, binaries: &Binaries) {
        for test in &binaries.tests {
            let test = name(test);
            let found = self.0.iter().find(|(name, _, _)| *name == test);
            let test = libtest::target(&test);
            let Some((_, output, end)) = found else {
                row.fail(format!("{test} was not run"));
                continue;
            };
            row.failures.extend(output.failures.iter().map(|name| format!("{test}: {name}")));
            row.skips.extend(output.skips.iter().map(|skip| format!("{test}: {skip}")));
            let Some(summary) = output.summary().filter(|_| end.is_some()) else {
                let last = output.last.as_deref().unwrap_or("its start");
                row.fail(format!("{test} ended without a result, after {last}"));
                continue;
            };
            let skipped = u32::try_from(output.skips.len()).unwrap_or(u32::MAX).min(summary.passed);
            row.counts.passed += summary.passed - skipped;
            row.counts.failed += summary.failed;
            row.counts.skipped += skipped;
            if end.as_deref() != Some("0") && summary.failed == 0 {
                row.fail(format!("{test} ended with status {}", end.as_deref().unwrap_or_default()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;

    fn row(text: &str) -> Row {
        let mut programs = Programs::default();
        text.lines().for_each(|line| programs.feed(line));
        let mut row = Row::default();
        let binaries = Binaries { tests: vec!["/t/a".into(), "/t/b".into()], programs: Vec::new() };
        programs.count(&mut row, &binaries);
        row
    }

    fn ran(name: &str, passed: u32, failed: u32, code: u32) -> String {
        format!(
            "{BEGIN}{name}\ntest result: x. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out\n\n{END}{code}\n"
        )
    }

    #[test]
    fn counts_what_the_programs_say() {
        let row = row(&(ran("a", 3, 0, 0) + &ran("b", 1, 2, 101)));
        assert_eq!(row.counts, Counts { passed: 4, failed: 2, skipped: 0 });
    }

    #[test]
    fn a_skipped_test_is_not_a_passed_one() {
        let text = ran("a", 3, 0, 0).replace("test result", "test t ... koney-skip: t: no ring buffer\ntest result");
        let row = row(&(text + &ran("b", 0, 0, 0)));
        assert_eq!(row.counts, Counts { passed: 2, failed: 0, skipped: 1 });
        assert_eq!(row.skips, ["a: t: no ring buffer"]);
    }

    #[test]
    fn what_did_not_run_or_did_not_end_has_failed() {
        let row = row(&format!("{BEGIN}a\nrunning 3 tests\ntest one ... "));
        assert_eq!(row.counts, Counts { passed: 0, failed: 2, skipped: 0 });
        assert_eq!(row.failures, ["a ended without a result, after one", "b was not run"]);
    }

    #[test]
    fn a_status_against_the_summary_is_a_failure() {
        assert_eq!(row(&(ran("a", 1, 0, 139) + &ran("b", 1, 0, 0))).counts.failed, 1);
    }
}
