//! Runs an ignored test in a process of its own, for what belongs to a whole process: its variables, its log.

use std::path::Path;
use std::process::Command;

pub(super) fn passes(test: &str, variables: &[(&str, &Path)]) {
    let output = Command::new(std::env::current_exe().expect("the path of this test"))
        .args(["--exact", test, "--ignored"])
        .envs(variables.iter().copied())
        .output()
        .expect("the test runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
