//! Packages of the distribution, onto this machine.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{exit::Exit, process, ui};

/// Installs packages, and refreshes apt's lists only if they do not know them or are out of date.
pub(crate) fn install(packages: &[String]) -> Result<()> {
    if process::find("apt-get").is_none() {
        return Err(Exit::unavailable(format!(
            "apt-get is not on this machine: setup knows Debian's packages only; install what they hold by hand: {}",
            packages.join(" ")
        ))
        .into());
    }
    let mut fresh = false;
    if !unknown(packages)?.is_empty() {
        update()?;
        fresh = true;
        let unknown = unknown(packages)?;
        if !unknown.is_empty() {
            bail!(
                "apt knows no package {}: koney's toolchain is packaged in Debian 12 and later with its security \
                 updates; add them to this machine's apt sources, or use a rustup nightly (see toolchain.toml)",
                unknown.join(" ")
            );
        }
    }
    match process::run(&mut get(packages)) {
        // Lists older than the mirror name files that are gone.
        Err(_) if !fresh => {
            update()?;
            process::run(&mut get(packages))
        }
        result => result,
    }
}

fn get(packages: &[String]) -> Command {
    let mut command = Command::new("apt-get");
    // What is installed stays: a conflict is the user's to solve.
    command.args(["install", "--yes", "--no-install-recommends", "--no-remove", "-q"]).args(packages);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Reads the package lists of this machine's sources.
pub(crate) fn update() -> Result<()> {
    ui::step("setup: refresh apt's package lists");
    process::run(Command::new("apt-get").args(["update", "-q"]))
}

/// Those of `packages` for which apt has nothing to install.
fn unknown(packages: &[String]) -> Result<Vec<String>> {
    let policy = process::text(Command::new("apt-cache").arg("policy").args(packages).env("LC_ALL", "C"))?;
    let known = candidates(&policy);
    Ok(packages.iter().filter(|package| !known.contains(&package.as_str())).cloned().collect())
}

/// The packages that have a candidate in the output of `apt-cache policy`.
pub(crate) fn candidates(policy: &str) -> Vec<&str> {
    let mut known = Vec::new();
    let mut package = "";
    for line in policy.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            package = name;
        } else if line.trim().strip_prefix("Candidate: ").is_some_and(|version| version != "(none)") {
            known.push(package);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_a_candidate_is_unknown() {
        let policy = "cpio:\n  Installed: (none)\n  Candidate: 2.13\n  Version table:\n     2.13 500\n\
                      gone:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        assert_eq!(candidates(policy), ["cpio"]);
    }
}
