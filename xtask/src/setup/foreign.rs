//! What programs of another architecture are built with, and what their guests start with: from Debian's packages, into koney's cache.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{
    pins::Package,
    private_apt::{PrivateApt, put_in_place},
};
use crate::{arch::Arch, process, ui, workspace};

/// What guests start, with what it depends on: what an amd64 guest has from this machine.
const GUEST: [&str; 9] =
    ["busybox-static", "coreutils", "dash", "crun", "e2fsprogs", "xfsprogs", "btrfs-progs", "perl-base", "tcc"];

/// The compiler's package; its libraries for another architecture must be of the very same version.
const COMPILER: &str = "rustc-web";

/// This machine's packages with which programs for `arch` are linked, each with the file by which it is known to be there.
pub(crate) fn packages(arch: Arch) -> Vec<Package> {
    let (gnu, debian) = (arch.gnu(), arch.debian());
    vec![
        Package(format!("gcc-{}", gnu.replace('_', "-")), format!("{gnu}-gcc")),
        Package(format!("libc6-dev-{debian}-cross"), format!("/usr/{gnu}/lib/libc.a")),
    ]
}

/// The folder for rustc's `--sysroot`.
pub(crate) fn sysroot(arch: Arch) -> Result<PathBuf> {
    Ok(root(arch)?.join("usr"))
}

/// The root of an unpacked system of that architecture, which holds the compiler's libraries too.
pub(crate) fn root(arch: Arch) -> Result<PathBuf> {
    Ok(workspace::cache()?.join("foreign").join(arch.debian()))
}

/// Whether all of it is there, and of the compiler's version.
pub(crate) fn is_there(arch: Arch) -> Result<bool> {
    let Some(version) = version() else { return Ok(false) };
    Ok(fs::read_to_string(root(arch)?.join("version")).is_ok_and(|have| have == stamp(&version)))
}

/// Fetches all of it.
pub(crate) fn fetch(arch: Arch) -> Result<()> {
    let version = version().with_context(|| format!("package {COMPILER} is not installed: run cargo xtask setup"))?;
    let series = series(&version).with_context(|| format!("{version} is no version of {COMPILER}"))?;
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let codename = codename(&release).context("/etc/os-release names no VERSION_CODENAME")?;
    ui::step(&format!("setup: Rust's libraries {version} and the guests' programs for {}", arch.debian()));
    let apt = PrivateApt::new(arch)?;
    apt.prepare(&[codename, &format!("{codename}-security")])?;
    let place = root(arch)?;
    let draft = place.with_extension("draft");
    let libraries = ["dev", series].map(|part| format!("libstd-rust-web-{part}={version}"));
    let packages: Vec<_> = libraries.into_iter().chain(GUEST.map(str::to_owned)).collect();
    apt.unpack_system(&packages, &draft)?;
    fs::write(draft.join("version"), stamp(&version)).context("cannot record the version of Rust's libraries")?;
    put_in_place(&draft, &place)
}

/// What was asked for, by which one knows that it is no longer what should be there.
fn stamp(version: &str) -> String {
    format!("{version} {}\n", GUEST.join(" "))
}

/// The version of the compiler's package, if it is installed.
fn version() -> Option<String> {
    let text = process::text(Command::new("dpkg-query").args(["-W", "-f", "${Version}", COMPILER])).ok()?;
    Some(text.trim().to_owned()).filter(|version| !version.is_empty())
}

/// `1.96` of `1.96.0+dfsg1-1~deb12u2`.
fn series(version: &str) -> Option<&str> {
    let (end, _) = version.match_indices('.').nth(1)?;
    Some(version.split_at(end).0)
}

pub(super) fn codename(release: &str) -> Option<&str> {
    release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).map(|name| name.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_debians() {
        let names = packages(Arch::Arm64).into_iter().map(|Package(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names, ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"]);
        assert_eq!(series("1.96.0+dfsg1-1~deb12u2"), Some("1.96"));
        assert_eq!(codename("NAME=x\nVERSION_CODENAME=bookworm\n"), Some("bookworm"));
    }
}
