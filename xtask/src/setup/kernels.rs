//! Debian's cloud kernels, into koney's cache.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};

use super::{
    apt,
    private_apt::{PrivateApt, put_in_place},
};
use crate::{arch::Arch, process, ui, vm::kernel};

/// Fetches the newest kernel of each series.
pub(crate) fn fetch(arch: Arch, wanted: &[String]) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let apt = PrivateApt::new(arch)?;
    let mut suites: Vec<_> = wanted.iter().flat_map(|series| kernel::suites(series)).copied().collect();
    suites.sort_unstable();
    suites.dedup();
    apt.prepare(&suites)?;
    for series in wanted {
        let release = newest_release(&apt, series)?;
        ui::step(&format!("setup: kernel {series} is {release}"));
        unpack(&apt, series, &release)?;
    }
    Ok(())
}

/// Every series of the archive that koney supports, oldest first.
pub(crate) fn offered(arch: Arch) -> Result<Vec<String>> {
    let apt = PrivateApt::new(arch)?;
    let mut suites: Vec<_> =
        kernel::KNOWN.into_iter().flat_map(kernel::suites).copied().chain(kernel::OTHER_SUITES.iter().copied()).collect();
    suites.sort_unstable();
    suites.dedup();
    apt.prepare(&suites)?;
    let names = process::text(apt.command("apt-cache").args(["pkgnames", "linux-image-"]))?;
    Ok(all_series(&names, arch))
}

/// The newest release of a series.
fn newest_release(apt: &PrivateApt, series: &str) -> Result<String> {
    let names = process::text(apt.command("apt-cache").args(["pkgnames", &format!("linux-image-{series}")]))?;
    newest(&names, series, apt.arch).with_context(|| {
        format!(
            "no kernel {series} for {} in this machine's Debian mirror: known series are {}",
            apt.arch.debian(),
            kernel::KNOWN.join(", ")
        )
    })
}

/// Downloads a kernel's packages and unpacks them into the store.
fn unpack(apt: &PrivateApt, series: &str, release: &str) -> Result<()> {
    let place = kernel::folder(apt.arch, series)?;
    let draft = place.with_extension("draft");
    // From 6.19 on a kernel is spread over several packages.
    let parts: Vec<_> = ["binary", "modules", "base"].iter().map(|part| format!("linux-{part}-{release}")).collect();
    let policy = process::text(apt.command("apt-cache").arg("policy").args(&parts))?;
    let mut packages = vec![format!("linux-image-{release}")];
    packages.extend(apt::candidates(&policy).into_iter().map(str::to_owned));
    apt.unpack(&packages, &draft)?;

    let base = if draft.join("usr/lib/modules").is_dir() { draft.join("usr") } else { draft.clone() };
    let depmod = process::find("depmod").context("depmod is not there: install package kmod")?;
    process::run(Command::new(depmod).arg("-b").arg(&base).arg(release))?;
    fs::write(draft.join("version"), format!("{release}\n")).context("cannot record the kernel's version")?;
    put_in_place(&draft, &place)
}

/// The newest cloud kernel of a series among package names.
fn newest(names: &str, series: &str, arch: Arch) -> Option<String> {
    releases(names, arch)
        .filter(|release| series_of(release) == Some(series))
        .max_by(|a, b| kernel::compare(a, b))
        .map(str::to_owned)
}

/// The series of the cloud kernels among package names, from the oldest that koney supports.
fn all_series(names: &str, arch: Arch) -> Vec<String> {
    let oldest = kernel::KNOWN[0];
    let mut series: Vec<_> = releases(names, arch).filter_map(series_of).collect();
    series.retain(|series| kernel::compare(series, oldest).is_ge());
    series.sort_by(|a, b| kernel::compare(a, b));
    series.dedup();
    series.into_iter().map(str::to_owned).collect()
}

fn releases(names: &str, arch: Arch) -> impl Iterator<Item = &str> {
    let suffix = format!("-cloud-{}", arch.debian());
    names.lines().filter_map(|name| name.strip_prefix("linux-image-")).filter(move |release| release.ends_with(&suffix))
}

/// `6.1` of `6.1.0-56-cloud-amd64`; a package that only points to the newest of a series has no third number.
fn series_of(release: &str) -> Option<&str> {
    let mut dots = release.match_indices('.').map(|(at, _)| at);
    let (_, second) = (dots.next()?, dots.next()?);
    let (series, rest) = release.split_at(second);
    let numbers = series.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (numbers && rest.get(1..)?.starts_with(|first: char| first.is_ascii_digit())).then_some(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_newest_release_of_exactly_the_series() {
        let names = "linux-image-6.1.0-9-cloud-amd64\nlinux-image-6.1.0-56-cloud-amd64\nlinux-image-6.1.0-57-amd64\n\
                     linux-image-6.1.0-58-cloud-amd64-unsigned\nlinux-image-6.12.117+deb13-cloud-amd64\n\
                     linux-image-6.12.9+deb13-cloud-amd64\nlinux-image-6.1-cloud-amd64\n";
        assert_eq!(newest(names, "6.1", Arch::Amd64).as_deref(), Some("6.1.0-56-cloud-amd64"));
        assert_eq!(newest(names, "6.12", Arch::Amd64).as_deref(), Some("6.12.117+deb13-cloud-amd64"));
        assert_eq!(newest(names, "6.1", Arch::Arm64), None);
        let older = names.to_owned() + "linux-image-4.19.0-27-cloud-amd64\nlinux-image-cloud-amd64\n";
        assert_eq!(all_series(&older, Arch::Amd64), ["6.1", "6.12"]);
    }
}
