//! What to boot and what to run in it.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    arch::Arch,
    cli::{Variant, VmArgs},
};

/// Where a guest that has a disk finds it, an ext4 that was made at boot; everything else in a guest is memory.
pub(crate) const DISK: &str = "/disk";

/// What it takes besides what every guest has.
const DISK_MODULES: [&str; 3] = ["virtio_pci", "virtio_blk", "ext4"];
const DISK_TOOL: &str = "mke2fs";

/// One run of a virtual machine.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// Kernel series, for example `6.12`.
    pub(crate) series: String,
    pub(crate) arch: Arch,
    pub(crate) variant: Variant,
    /// Further words for the kernel's command line.
    pub(crate) cmdline: String,
    pub(crate) smp: u8,
    /// The guest's clock counts instructions, which takes a single processor.
    pub(crate) icount: bool,
    /// Each processor of the guest has a thread of its own: faster alone, slower beside other guests.
    pub(crate) threads: bool,
    /// Options of QEMU's own network, where the guest has one.
    pub(crate) network: Option<&'static str>,
    /// Cuts the guest's power once it is set.
    pub(crate) switch: Option<Arc<AtomicBool>>,
    pub(crate) memory_mib: u32,
    /// Size of a disk of this machine's at [`DISK`], for what has to be synced to one; 0 for none.
    pub(crate) disk_mib: u32,
    pub(crate) timeout: Duration,
    /// Kernel modules that are loaded at boot, besides those of every guest.
    pub(crate) modules: Vec<&'static str>,
    /// Files and folders: from here, to there.
    pub(crate) files: Vec<(PathBuf, PathBuf)>,
    /// Programs of this machine that come along with their libraries, to the same path.
    pub(crate) programs: Vec<PathBuf>,
    /// Programs of the distribution that come along with their libraries.
    pub(crate) tools: Vec<&'static str>,
    pub(crate) env: Vec<(String, String)>,
    /// The command and its arguments.
    pub(crate) command: Vec<String>,
}

impl Spec {
    /// A run of `command` in a kernel's default, with room for the tests.
    pub(crate) fn new(arch: Arch, series: &str, command: Vec<String>) -> Self {
        Self {
            series: series.to_owned(),
            arch,
            variant: Variant::Default,
            cmdline: String::new(),
            smp: 2,
            icount: false,
            threads: false,
            network: None,
            switch: None,
            memory_mib: 1024,
            disk_mib: 0,
            timeout: Duration::from_mins(5),
            modules: Vec::new(),
            files: Vec::new(),
            programs: Vec::new(),
            // busybox has these too, but then every access in the guest is busybox's.
            tools: vec!["cat"],
            env: Vec::new(),
            command,
        }
    }

    /// The run that a command line asks for.
    pub(crate) fn from_args(args: &VmArgs, arch: Arch, series: &str) -> Result<Self> {
        let mut spec = Self::new(arch, series, args.command.clone());
        spec.variant = args.variant.unwrap_or_default();
        spec.adopt(args)?;
        // A program of this machine comes along; any other name is the guest's.
        if let Some(program) = spec.command.first().map(PathBuf::from)
            && program.components().count() > 1
            && program.is_file()
        {
            spec.run(&absolute(&program)?)?;
        }
        Ok(spec)
    }

    /// Brings a program along and makes it the one to run, with the arguments that there are.
    pub(crate) fn run(&mut self, program: &Path) -> Result<()> {
        let word = program.to_str().context("the path of the command is not text")?.to_owned();
        self.programs.push(program.to_owned());
        match self.command.first_mut() {
            Some(first) => *first = word,
            None => self.command.push(word),
        }
        Ok(())
    }

    /// Gives it a disk.
    pub(crate) fn disk(&mut self, mebibytes: u32) {
        self.disk_mib = mebibytes;
        self.modules.extend(DISK_MODULES);
        self.tools.push(DISK_TOOL);
    }

    /// Whether its power is to be cut.
    pub(crate) fn is_switched_off(&self) -> bool {
        self.switch.as_ref().is_some_and(|switch| switch.load(Ordering::Relaxed))
    }

    /// Takes what a command line says of any guest.
    pub(crate) fn adopt(&mut self, args: &VmArgs) -> Result<()> {
        self.cmdline = args.cmdline.clone().unwrap_or_default();
        self.smp = args.smp.unwrap_or(self.smp);
        self.icount |= args.icount;
        self.memory_mib = args.memory.unwrap_or(self.memory_mib);
        self.timeout = args.timeout.unwrap_or(self.timeout);
        self.files.extend(args.root_file.iter().cloned());
        self.env.extend(args.env.iter().cloned());
        for program in &args.with {
            self.programs.push(absolute(program)?);
        }
        Ok(())
    }
}

/// Symbolic links stay: the guest should see the name that was asked for.
fn absolute(path: &Path) -> Result<PathBuf> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    std::path::absolute(here.join(path)).with_context(|| format!("cannot resolve {}", path.display()))
}
