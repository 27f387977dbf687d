//! Packages of the distribution, onto this machine.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{exit::Exit, process, ui};

/// Installs packages, and refreshes apt's lists only if they do not know them or are out of date.
///
/// What is installed stays. A package that stands in the way is named; with `downgrade` it is brought to the version that apt's sources
/// have, as where an image was made with newer sources than it is used with.
pub(crate) fn install(packages: &[String], downgrade: bool) -> Result<()> {
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
            process::run(&mut get(packages)).or_else(|error| make_way(packages, downgrade, error))
        }
        result => result.or_else(|error| make_way(packages, downgrade, error)),
    }
}

/// Brings what stands in the way to the version that apt's sources have, if that is allowed.
fn make_way(packages: &[String], downgrade: bool, error: anyhow::Error) -> Result<()> {
    let mut simulation = Command::new("apt-get");
    simulation.args(["install", "--simulate", "--no-install-recommends"]).args(packages).env("LC_ALL", "C");
    let simulation = process::text(&mut simulation)?;
    let in_the_way = removed(&simulation);
    if in_the_way.is_empty() {
        return Err(error);
    }
    if !downgrade {
        let names = in_the_way.join(" ");
        return Err(Exit::unavailable(format!(
            "{names} would have to go, because its version is none that apt's sources have; `cargo xtask setup \
             --allow-downgrades` brings it to theirs, or remove it yourself"
        ))
        .into());
    }
    let mut pinned = packages.to_vec();
    for name in in_the_way {
        let versions = process::text(Command::new("apt-cache").args(["madison", name]).env("LC_ALL", "C"))?;
        let Some(version) = newest(&versions) else { bail!("apt's sources have no {name}, which stands in the way") };
        ui::step(&format!("setup: bring {name} to {version}, the version of apt's sources"));
        pinned.push(format!("{name}={version}"));
    }
    process::run(get(&pinned).arg("--allow-downgrades"))
}

/// The packages that a simulated installation removes.
fn removed(simulation: &str) -> Vec<&str> {
    simulation.lines().filter_map(|line| line.strip_prefix("Remv ")?.split_whitespace().next()).collect()
}

/// The first version in the table of `apt-cache madison`, which is the newest.
fn newest(table: &str) -> Option<&str> {
    table.lines().next()?.split('|').nth(1).map(str::trim).filter(|version| !version.is_empty())
}

fn get(packages: &[String]) -> Command {
    let mut command = Command::new("apt-get");
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

    #[test]
    fn what_stands_in_the_way_is_found_with_its_version() {
        let simulation = "Reading package lists...\nRemv qemu-utils [1:10.0.2+ds-2+deb13u1~bpo12+1]\nInst kmod (30 Debian)\n";
        assert_eq!(removed(simulation), ["qemu-utils"]);
        let table = "qemu-utils | 1:7.2+dfsg-7 | mirror bookworm/main amd64 Packages\nqemu-utils | 1:7.1 | mirror old\n";
        assert_eq!(newest(table), Some("1:7.2+dfsg-7"));
        assert_eq!(newest(""), None);
    }
}
