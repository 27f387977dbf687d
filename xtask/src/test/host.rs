//! The tests that need no kernel of their own.

use std::{
    io::{self, BufRead as _, BufReader},
    mem,
    process::Stdio,
};

use anyhow::{Context as _, Result};

use super::{binaries::Binaries, libtest, libtest::Output, report::Row};
use crate::{process, ui, workspace};

/// What `cargo test` printed, by test program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    programs: Vec<(String, Output)>,
    success: bool,
}

/// Runs the tests of the default members, showing them as they go.
pub(crate) fn run() -> Result<Host> {
    ui::step("tests on this machine");
    // Both streams through one pipe: cargo names a program on one and the program answers on the other.
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast"]).stdin(Stdio::null());
    cargo.stderr(writer.try_clone().context("cannot share a pipe")?).stdout(writer);
    let mut child = cargo.spawn().with_context(|| format!("cannot start {}", process::describe(&cargo)))?;
    // The pipe ends when cargo does only if we do not hold its other end.
    drop(cargo);

    let mut host = Host::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.context("cannot read the output of cargo test")?;
        let line = String::from_utf8_lossy(&line);
        ui::line(&line);
        host.feed(&line);
    }
    host.success = child.wait().context("cannot wait for cargo test")?.success();
    Ok(host)
}

impl Host {
    fn feed(&mut self, line: &str) {
        if let Some(program) = program(line) {
            self.programs.push((program.to_owned(), Output::default()));
        } else if let Some((_, output)) = self.programs.last_mut() {
            output.feed(line);
        }
    }

    /// The host's row; what `kernel_tests` ignore here is run in the guests.
    pub(crate) fn row(mut self, kernel_tests: Option<&Binaries>) -> Row {
        let mut row = Row::new("host", "-");
        for (program, output) in mem::take(&mut self.programs) {
            let target = libtest::target(&program);
            let Some(summary) = output.summary() else {
                row.fail(format!("{target} ended without a result"));
                continue;
            };
            // A test that found this machine to lack something has passed for its harness; a part of one is told with words, not a name.
            let tests = output.skips.iter().filter(|skip| skip.split(':').next().is_some_and(|name| !name.contains(' '))).count();
            row.counts.skipped += u32::try_from(output.skips.len()).unwrap_or(u32::MAX);
            row.counts.passed += summary.passed.saturating_sub(u32::try_from(tests).unwrap_or(u32::MAX));
            row.counts.failed += summary.failed;
            row.failures.extend(output.failures.iter().map(|test| format!("{target}: {test}")));
            if !kernel_tests.is_some_and(|binaries| binaries.contains(&program)) {
                row.counts.skipped += summary.ignored.saturating_sub(output.helpers);
            }
        }
        if !self.success && row.counts.failed == 0 {
            row.fail("cargo test failed before or between the tests".to_owned());
        }
        row
    }
}

/// The test program that cargo is about to run, by its file name, or the crate whose examples it tries.
fn program(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(name);
    }
    let path = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once('(')?.1;
    path.rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;

    const OK: &str = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";

    fn host(text: &str, success: bool) -> Host {
        let mut host = Host { success, ..Host::default() };
        text.lines().for_each(|line| host.feed(line));
        host
    }

    #[test]
    fn counts_every_program_and_example() {
        let text = format!("   Running unittests src/lib.rs (target/debug/deps/a-1)\n{OK}\n   Doc-tests a\n{OK}\n");
        assert_eq!(host(&text, true).row(None).counts, Counts { passed: 4, failed: 0, skipped: 2 });
    }

    #[test]
    fn ignored_kernel_tests_are_not_skipped_because_guests_run_them() {
        let text = format!("   Running tests/open.rs (/t/debug/deps/open-1)\n{OK}\n");
        let binaries = Binaries { tests: vec!["/t/debug/deps/open-1".into()], programs: Vec::new() };
        assert_eq!(host(&text, true).row(Some(&binaries)).counts, Counts { passed: 2, failed: 0, skipped: 0 });
    }

    #[test]
    fn what_says_that_it_was_not_run_counts_as_skipped() {
        let text = format!(
            "   Running tests/walk.rs (/t/debug/deps/walk-1)\nkoney-skip: block a.md:1: no time\nkoney-skip: t: no root\n{OK}\n"
        );
        let binaries = Binaries { tests: vec!["/t/debug/deps/walk-1".into()], programs: Vec::new() };
        assert_eq!(host(&text, true).row(Some(&binaries)).counts, Counts { passed: 1, failed: 0, skipped: 2 });
    }

    #[test]
    fn a_program_that_dies_and_a_build_that_fails_are_failures() {
        let died = host("   Running unittests src/lib.rs (target/debug/deps/a-1)\nrunning 1 test\n", false).row(None);
        assert_eq!((died.counts.failed, died.failures.len()), (1, 1));
        assert_eq!(host("error: could not compile\n", false).row(None).counts.failed, 1);
    }
}
