//! A command that is named like a program of the workspace: it is built for the guest and comes along.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{arch::Arch, ebpf, test, workspace};

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Program,
    Test,
}

/// Builds the program or the test program of that name, if the workspace has one.
pub(crate) fn build(arch: Arch, name: &str) -> Result<Option<PathBuf>> {
    let Some(kind) = kind(name) else { return Ok(None) };
    ebpf::build(arch)?;
    let built = match kind {
        Kind::Program => test::programs(arch)?,
        Kind::Test => test::tests(arch)?,
    };
    let of_that_name = |file: &&PathBuf| {
        file.file_name().and_then(|file| file.to_str()).is_some_and(|file| file == name || test::target(file) == name)
    };
    let found = built.iter().find(of_that_name).with_context(|| format!("cargo did not build {name}"))?;
    Ok(Some(found.clone()))
}

fn kind(name: &str) -> Option<Kind> {
    let root = workspace::root();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let of_tests = |folder: &str| {
        let path = root.join("tests").join(folder).join(name);
        plain && (path.with_extension("rs").is_file() || path.join("main.rs").is_file())
    };
    if name == "koney-agent" || of_tests("src/bin") {
        Some(Kind::Program)
    } else if of_tests("tests") {
        Some(Kind::Test)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_workspaces_own_names_are_built() {
        assert_eq!(kind("koney-agent"), Some(Kind::Program));
        assert_eq!(kind("koney-demo"), Some(Kind::Program));
        assert_eq!(kind("kernel_open"), Some(Kind::Test));
        for other in ["uname", "sh", "", "../bin/koney-demo", "target/debug/koney-agent"] {
            assert_eq!(kind(other), None, "{other}");
        }
    }
}
