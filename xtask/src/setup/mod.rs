//! What a command needs is there, or is installed, or is named.

mod apt;
pub(crate) mod foreign;
mod inventory;
mod kernels;
mod linker;
mod pins;
mod plan;
mod private_apt;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

pub(crate) use self::{
    inventory::Compiler,
    kernels::offered,
    pins::{Package, Pins},
    private_apt::{PrivateApt, put_in_place},
};
use self::{
    inventory::Inventory,
    pins::{Route, State},
    plan::Plan,
};
use crate::{arch::Arch, cli::SetupArgs, exit::Exit, prometheus, python, test, ui, workspace};

/// What a command cannot do without.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// A compiler for the BPF target, and its linker.
    pub(crate) compiler: bool,
    /// That compiler's own clippy.
    pub(crate) clippy: bool,
    /// QEMU and what guests of this architecture are made of.
    pub(crate) guests: Option<Arch>,
    /// What goes into the guests besides.
    pub(crate) packages: Vec<Package>,
    /// Kernel series of the guests.
    pub(crate) kernels: Vec<String>,
    /// Packages in the way may be brought to the version of apt's sources.
    pub(crate) downgrade: bool,
}

impl Needs {
    /// To build the kernel programs.
    pub(crate) fn build() -> Self {
        Self { compiler: true, ..Self::default() }
    }

    /// To lint them.
    pub(crate) fn lint() -> Self {
        Self { clippy: true, ..Self::build() }
    }

    /// To boot these kernels.
    pub(crate) fn vm(arch: Arch, kernels: &[String]) -> Self {
        Self { guests: Some(arch), kernels: kernels.to_vec(), ..Self::default() }
    }

    /// To build the kernel programs and run them in these kernels.
    pub(crate) fn test(arch: Arch, kernels: &[String]) -> Self {
        Self { guests: Some(arch), kernels: kernels.to_vec(), ..Self::build() }
    }
}

/// The tools with which the kernel programs are built.
#[derive(Debug)]
pub(crate) struct Toolchain {
    pub(crate) compiler: Compiler,
    pub(crate) linker: PathBuf,
    /// Whether the compiler is a release build that must be told to allow unstable features.
    pub(crate) bootstrap: bool,
}

/// `cargo xtask setup`.
pub(crate) fn command(args: &SetupArgs) -> Result<u8> {
    let mut kernels = test::kernels();
    kernels.extend(args.kernel.iter().filter(|series| !test::kernels().contains(series)).cloned());
    let test = Needs::test(Arch::here()?, &kernels);
    let needs = Needs { clippy: true, packages: test::receivers(), downgrade: args.allow_downgrades, ..test };
    if !args.check {
        ensure(&needs)?;
        python::judges()?;
        prometheus::fetch()?;
        ui::line("ready: nothing is missing");
        return Ok(0);
    }
    let pins = Pins::read()?;
    let plan = Plan::new(&needs, &Inventory::take(&needs, &pins)?, &pins)?;
    for line in plan.describe() {
        ui::line(&format!("would {line}"));
    }
    let judges = python::missing_judges()?;
    for package in &judges {
        ui::line(&format!("would install {package} of PyPI into koney's cache"));
    }
    let prometheus = prometheus::is_there()?;
    if !prometheus {
        ui::line("would unpack prometheus of the distribution into koney's cache");
    }
    let ready = plan.is_empty() && judges.is_empty() && prometheus;
    if ready {
        ui::line("ready: nothing is missing");
    }
    Ok(u8::from(!ready))
}

/// Installs what is missing of `needs`.
pub(crate) fn ensure(needs: &Needs) -> Result<()> {
    let pins = Pins::read()?;
    let inventory = Inventory::take(needs, &pins)?;
    let plan = Plan::new(needs, &inventory, &pins)?;
    if plan.is_empty() {
        return Ok(());
    }
    apply(&plan, inventory.root, needs, &pins)?;
    let left = Plan::new(needs, &Inventory::take(needs, &pins)?, &pins)?;
    if !left.is_empty() {
        let left = left.describe().join(", ");
        return Err(Exit::unavailable(format!("setup went through, and still has to: {left}")).into());
    }
    Ok(())
}

/// The toolchain for the kernel programs, installed if it was missing.
pub(crate) fn toolchain(needs: &Needs) -> Result<Toolchain> {
    ensure(needs)?;
    let pins = Pins::read()?;
    let inventory = Inventory::take(&Needs { guests: None, ..needs.clone() }, &pins)?;
    let (route, compiler) = plan::choose(&inventory, &pins)?;
    let compiler = compiler.context("the compiler that setup found is gone")?.clone();
    remark(route, &compiler);
    let bootstrap = !compiler.version.contains("nightly");
    Ok(Toolchain { compiler, linker: route.linker_root()?.join("bin/bpf-linker"), bootstrap })
}

/// The distribution's compiler, for which alone libraries of other architectures are packaged.
pub(crate) fn distribution_compiler() -> Result<Compiler> {
    inventory::distribution().context("/usr/bin has no rustc with a cargo beside it: run cargo xtask setup")
}

fn remark(route: &Route, compiler: &Compiler) {
    if route.state == State::Untested {
        ui::note(&format!("{} {} is a route nobody has tested", compiler.rustc.display(), compiler.version));
    } else if !compiler.version.starts_with(&format!("{}.", route.rustc)) {
        ui::note(&format!("rustc {} is not the tested {}; its LLVM agrees", compiler.version, route.rustc));
    }
}

fn apply(plan: &Plan, root: bool, needs: &Needs, pins: &Pins) -> Result<()> {
    for line in plan.describe() {
        ui::step(&format!("setup: {line}"));
    }
    if !plan.packages.is_empty() && !root {
        let packages = plan.packages.join(" ");
        return Err(Exit::unavailable(format!(
            "packages are missing and only root may install them; type:\n  \
             sudo apt-get install --yes --no-install-recommends {packages}"
        ))
        .into());
    }
    // Two builds on one machine may find the same thing missing at once.
    let cache = workspace::cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let lock = fs::File::create(cache.join("setup.lock")).context("cannot create the lock of setup")?;
    lock.lock().context("cannot take the lock of setup")?;
    // What the other one did while we waited need not be done again.
    let plan = Plan::new(needs, &Inventory::take(needs, pins)?, pins)?;
    if !plan.packages.is_empty() {
        apt::install(&plan.packages, needs.downgrade)?;
    }
    if let Some((version, llvm)) = &plan.linker {
        linker::build(version, *llvm)?;
    }
    if let Some(arch) = plan.foreign {
        foreign::fetch(arch)?;
    }
    needs.guests.map_or(Ok(()), |arch| kernels::fetch(arch, &plan.kernels))
}
