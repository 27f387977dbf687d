//! Reads what Rust's test harness prints. Pure.

/// The harness's own count at the end of one test program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) ignored: u32,
}

/// The output of one test program, read line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    summaries: Vec<Summary>,
    /// Names of the tests that failed.
    pub(crate) failures: Vec<String>,
    /// `test: reason` of each test that found its kernel to lack a feature.
    pub(crate) skips: Vec<String>,
    /// Ignored tests whose reason says that another test runs them, in a process of their own.
    pub(crate) helpers: u32,
    /// The test that was started last: where a program dies, the one to look at.
    pub(crate) last: Option<String>,
    in_failures: bool,
}

impl Output {
    /// Takes one line.
    pub(crate) fn feed(&mut self, line: &str) {
        if let Some((name, _)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            self.last = Some(name.to_owned());
            self.helpers += u32::from(line.contains(" ... ignored, run by `"));
        }
        if let Some(summary) = summary(line) {
            self.summaries.push(summary);
            self.in_failures = false;
        } else if line == "failures:" {
            // The first list holds what the tests printed, the second one their names.
            self.failures.clear();
            self.in_failures = true;
        } else if let Some(name) = line.strip_prefix("    ").filter(|_| self.in_failures) {
            self.failures.push(name.to_owned());
        } else if let Some((_, skip)) = line.split_once("koney-skip: ") {
            // With --nocapture the line begins with the harness's own words.
            self.skips.push(skip.to_owned());
        }
    }

    /// The one summary; a program that gave none died, and one that gave two cannot be believed.
    pub(crate) fn summary(&self) -> Option<Summary> {
        match self.summaries.as_slice() {
            [summary] => Some(*summary),
            _ => None,
        }
    }
}

/// The name of a test program without the hash that cargo adds to its file.
pub(crate) fn target(file_name: &str) -> &str {
    match file_name.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => file_name,
    }
}

fn summary(line: &str) -> Option<Summary> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |name: &str| counts.split("; ").find_map(|part| part.trim().strip_suffix(name)?.trim().parse().ok());
    Some(Summary { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Output {
        let mut output = Output::default();
        text.lines().for_each(|line| output.feed(line));
        output
    }

    #[test]
    fn reads_the_summary() {
        let line = "test result: ok. 3 passed; 0 failed; 12 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(summary(line), Some(Summary { passed: 3, failed: 0, ignored: 12 }));
        assert_eq!(summary("test result: who knows"), None);
        assert_eq!(summary("test one ... ok"), None);
    }

    #[test]
    fn a_program_goes_by_its_name() {
        assert_eq!(target("open-4bfeff898994d534"), "open");
        assert_eq!(target("koney-agent"), "koney-agent");
    }

    #[test]
    fn names_the_failed_and_the_skipped_tests() {
        let output = read(
            "running 4 tests\ntest z ... ignored, run by `a`\ntest a ... ok\ntest b ... koney-skip: b: no bpf_loop\nok\ntest c ... FAILED\n\n\
             failures:\n\n---- c stdout ----\n    noise of c\n\n\nfailures:\n    c\n\n\
             test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
        );
        assert_eq!(output.summary(), Some(Summary { passed: 2, failed: 1, ignored: 0 }));
        assert_eq!(output.helpers, 1);
        assert_eq!(output.failures, ["c"]);
        assert_eq!(output.skips, ["b: no bpf_loop"]);
        assert_eq!(output.last.as_deref(), Some("c"));
    }

    #[test]
    fn a_program_without_or_with_two_summaries_is_not_believed() {
        let line = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(read("running 1 test\n").summary(), None);
        assert_eq!(read(&line.repeat(2)).summary(), None);
    }
}
