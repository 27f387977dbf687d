//! apt with a state of its own: it takes the mirror from this machine's sources, checks the archive's signatures as always, leaves the
//! machine's lists alone, and unpacks packages into koney's cache, never onto this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::apt;
use crate::{arch::Arch, process, ui, vm::kernel};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt for one architecture.
pub(crate) struct PrivateApt {
    state: PathBuf,
    pub(crate) arch: Arch,
}

impl PrivateApt {
    /// Its state is in the store of kernels.
    pub(crate) fn new(arch: Arch) -> Result<Self> {
        Ok(Self { state: kernel::store()?.join(format!("apt-{}", arch.debian())), arch })
    }

    /// The same for this machine's own release with its sources, of which its lists are read.
    pub(crate) fn sources(arch: Arch) -> Result<Self> {
        let apt = Self { state: kernel::store()?.join("apt-sources"), arch };
        let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
        let codename = super::foreign::codename(&release).context("/etc/os-release names no VERSION_CODENAME")?;
        apt.prepare_kinds(&["deb", "deb-src"], &[codename, &format!("{codename}-security")])?;
        Ok(apt)
    }

    /// Writes the sources for `suites` and reads their lists.
    pub(crate) fn prepare(&self, suites: &[&str]) -> Result<()> {
        self.prepare_kinds(&["deb"], suites)
    }

    fn prepare_kinds(&self, kinds: &[&str], suites: &[&str]) -> Result<()> {
        for folder in ["lists/partial", "cache/archives/partial"] {
            let folder = self.state.join(folder);
            fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let (main, security) = mirrors()?;
        let signed = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
        let source = |kind: &str, suite: &str| {
            let mirror = if suite.ends_with("-security") { &security } else { &main };
            format!("{kind} {signed}{mirror} {suite} main\n")
        };
        let sources: String = kinds.iter().flat_map(|kind| suites.iter().map(|suite| source(kind, suite))).collect();
        fs::write(self.state.join("sources.list"), sources).context("cannot write the private apt sources")?;
        fs::write(self.state.join("status"), "").context("cannot write the private apt status")?;
        ui::step(&format!("setup: read the package lists of {}", suites.join(", ")));
        // A suite may be missing on a mirror; whether that matters shows when a kernel is looked for.
        if let Err(error) = process::run(self.command("apt-get").args(["update", "-q"])) {
            ui::note(&format!("{error:#}"));
        }
        Ok(())
    }

    /// A command of apt with this state.
    pub(crate) fn command(&self, program: &str) -> Command {
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

    /// Downloads packages (`NAME` or `NAME=VERSION`) and unpacks them into a new folder.
    pub(crate) fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        fresh(into, |downloads| {
            process::run(self.command("apt-get").args(["download", "-q"]).args(packages).current_dir(downloads))
        })
    }

    /// The same with all packages that those depend on, as on a machine that has none.
    pub(crate) fn unpack_system(&self, packages: &[String], into: &Path) -> Result<()> {
        fresh(into, |downloads| {
            // apt leaves half of a package there.
            fs::create_dir(downloads.join("partial")).context("cannot create a folder for downloads")?;
            let mut apt = self.command("apt-get");
            apt.arg("-o").arg(format!("Dir::Cache::archives={}", downloads.display())).args(["-o", "Debug::NoLocking=1"]);
            let install = ["install", "--download-only", "--yes", "--no-install-recommends", "-q"];
            process::run(apt.args(install).args(packages).env("DEBIAN_FRONTEND", "noninteractive"))?;
            fs::remove_dir_all(downloads.join("partial")).context("cannot remove a folder for downloads")
        })
    }
}

/// Makes a folder anew from the packages that `download` puts into the one that it is given.
fn fresh(into: &Path, download: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("cannot remove {}", into.display()))?;
    }
    let downloads = into.join("packages");
    fs::create_dir_all(&downloads).with_context(|| format!("cannot create {}", downloads.display()))?;
    download(&downloads)?;
    for file in fs::read_dir(&downloads).context("cannot list the downloaded packages")? {
        let file = file.context("cannot list the downloaded packages")?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            process::run(Command::new("dpkg-deb").arg("-x").arg(file).arg(into))?;
        }
    }
    fs::remove_dir_all(&downloads).context("cannot remove the downloaded packages")
}

/// Puts what was made beside a place into it, in one step for whoever reads there.
pub(crate) fn put_in_place(draft: &Path, place: &Path) -> Result<()> {
    if place.exists() {
        fs::remove_dir_all(place).with_context(|| format!("cannot remove {}", place.display()))?;
    }
    fs::rename(draft, place).with_context(|| format!("cannot create {}", place.display()))
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
