//! Debian's cloud kernels, into koney's cache and never onto this machine.
//!
//! apt runs with a state of its own: it takes the mirror from this machine's sources, checks the archive's signatures
//! as always, and leaves the machine's lists alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::apt;
use crate::{arch::Arch, process, ui, vm::kernel};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

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
        let release = apt.newest(series)?;
        ui::step(&format!("setup: kernel {series} is {release}"));
        apt.unpack(series, &release)?;
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

struct PrivateApt {
    state: PathBuf,
    arch: Arch,
}

impl PrivateApt {
    fn new(arch: Arch) -> Result<Self> {
        Ok(Self { state: kernel::store()?.join(format!("apt-{}", arch.debian())), arch })
    }

    /// Writes the sources for `suites` and reads their lists.
    fn prepare(&self, suites: &[&str]) -> Result<()> {
        for folder in ["lists/partial", "cache/archives/partial"] {
            let folder = self.state.join(folder);
            fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let (main, security) = mirrors()?;
        let signed = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
        let source = |suite: &&str| {
            let mirror = if suite.ends_with("-security") { &security } else { &main };
            format!("deb {signed}{mirror} {suite} main")
        };
        let sources = suites.iter().map(source).collect::<Vec<_>>().join("\n") + "\n";
        fs::write(self.state.join("sources.list"), sources).context("cannot write the private apt sources")?;
        fs::write(self.state.join("status"), "").context("cannot write the private apt status")?;
        ui::step(&format!("setup: read the package lists of {}", suites.join(", ")));
        // A suite may be missing on a mirror; whether that matters shows when a kernel is looked for.
        if let Err(error) = process::run(self.command("apt-get").args(["update", "-q"])) {
            ui::note(&format!("{error:#}"));
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let (state, arch) = (self.state.display(), self.arch.debian());
        let mut command = Command::new(program);
        command.env("LC_ALL", "C");
        for option in [
            format!("Dir::State={state}"),
            format!("Dir::State::status={state}/status"),
            format!("Dir::Cache={state}/cache"),
            format!("Dir::Etc::SourceList={state}/sources.list"),
            "Dir::Etc::SourceParts=-".to_owned(),
            format!("APT::Architecture={arch}"),
            format!("APT::Architectures={arch}"),
            // The machine's own hooks clean caches that are not ours.
            "APT::Update::Post-Invoke=".to_owned(),
            "APT::Update::Post-Invoke-Success=".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            // apt's own user cannot read a home folder.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }

    /// The newest release of a series.
    fn newest(&self, series: &str) -> Result<String> {
        let names = process::text(self.command("apt-cache").args(["pkgnames", &format!("linux-image-{series}")]))?;
        newest(&names, series, self.arch).with_context(|| {
            format!(
                "no kernel {series} for {} in this machine's Debian mirror: known series are {}",
                self.arch.debian(),
                kernel::KNOWN.join(", ")
            )
        })
    }

    /// Downloads a kernel's packages and unpacks them into the store.
    fn unpack(&self, series: &str, release: &str) -> Result<()> {
        let place = kernel::folder(self.arch, series)?;
        let draft = place.with_extension("draft");
        if draft.exists() {
            fs::remove_dir_all(&draft).with_context(|| format!("cannot remove {}", draft.display()))?;
        }
        let downloads = draft.join("packages");
        fs::create_dir_all(&downloads).with_context(|| format!("cannot create {}", downloads.display()))?;

        // From 6.19 on a kernel is spread over several packages.
        let parts: Vec<_> = ["binary", "modules", "base"].iter().map(|part| format!("linux-{part}-{release}")).collect();
        let policy = process::text(self.command("apt-cache").arg("policy").args(&parts))?;
        let mut packages = vec![format!("linux-image-{release}")];
        packages.extend(apt::candidates(&policy).into_iter().map(str::to_owned));
        process::run(self.command("apt-get").args(["download", "-q"]).args(&packages).current_dir(&downloads))?;
        for file in fs::read_dir(&downloads).context("cannot list the downloaded packages")? {
            process::run(Command::new("dpkg-deb").arg("-x").arg(file?.path()).arg(&draft))?;
        }
        fs::remove_dir_all(&downloads).context("cannot remove the downloaded packages")?;

        let base = if draft.join("usr/lib/modules").is_dir() { draft.join("usr") } else { draft.clone() };
        let depmod = process::find("depmod").context("depmod is not there: install package kmod")?;
        process::run(Command::new(depmod).arg("-b").arg(&base).arg(release))?;
        fs::write(draft.join("version"), format!("{release}\n")).context("cannot record the kernel's version")?;
        if place.exists() {
            fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
        }
        fs::rename(&draft, &place).with_context(|| format!("cannot create {}", place.display()))
    }
}

/// The Debian mirror and its security mirror that this machine's own apt uses.
fn mirrors() -> Result<(String, String)> {
    if let Some(mirrors) = configured_mirrors()? {
        return Ok(mirrors);
    }
    // apt tells of a source only after it has read its lists once; a fresh machine has not.
    if rustix::process::geteuid().is_root() {
        apt::update()?;
    }
    configured_mirrors()?.context(
        "test kernels come from Debian's mirror and its security updates, but this machine's apt sources do not name \
         both (or were never read: run apt-get update)",
    )
}

fn configured_mirrors() -> Result<Option<(String, String)>> {
    let addresses = process::text(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]))?;
    let find = |name: &str| {
        let mut addresses = addresses.lines().map(|line| line.trim_end_matches('/'));
        addresses.find(|line| line.ends_with(name)).map(str::to_owned)
    };
    Ok(find("/debian").zip(find("/debian-security")))
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
