//! What to boot and what to run in it.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::cli::{Variant, VmArgs};

/// One run of a virtual machine.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// Kernel series, for example `6.12`.
    pub(crate) series: String,
    pub(crate) variant: Variant,
    /// Further words for the kernel's command line.
    pub(crate) cmdline: String,
    pub(crate) smp: u8,
    pub(crate) memory_mib: u32,
    pub(crate) timeout: Duration,
    /// Files and folders: from here, to there.
    pub(crate) files: Vec<(PathBuf, PathBuf)>,
    /// Programs of this machine that come along with their libraries, to the same path.
    pub(crate) programs: Vec<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
    /// The command and its arguments.
    pub(crate) command: Vec<String>,
}

impl Spec {
    /// A run of `command` in a kernel's default, with room for the tests.
    pub(crate) fn new(series: &str, command: Vec<String>) -> Self {
        Self {
            series: series.to_owned(),
            variant: Variant::Default,
            cmdline: String::new(),
            smp: 2,
            memory_mib: 1024,
            timeout: Duration::from_mins(5),
            files: Vec::new(),
            // busybox has these too, but then every access in the guest is busybox's.
            programs: vec!["/usr/bin/cat".into()],
            env: Vec::new(),
            command,
        }
    }

    /// The run that a command line asks for.
    pub(crate) fn from_args(args: &VmArgs, series: &str) -> Result<Self> {
        let mut spec = Self::new(series, args.command.clone());
        spec.variant = args.variant;
        spec.cmdline = args.cmdline.clone().unwrap_or_default();
        spec.smp = args.smp;
        spec.memory_mib = args.memory;
        spec.timeout = args.timeout;
        spec.files.clone_from(&args.root_file);
        spec.env.clone_from(&args.env);
        for program in &args.with {
            spec.programs.push(absolute(program)?);
        }
        // A program of this machine comes along; any other name is the guest's.
        if let Some(program) = spec.command.first_mut()
            && program.contains('/')
            && Path::new(program).is_file()
        {
            let path = absolute(Path::new(program))?;
            path.to_str().context("the path of the command is not text")?.clone_into(program);
            spec.programs.push(path);
        }
        Ok(spec)
    }
}

/// Symbolic links stay: the guest should see the name that was asked for.
fn absolute(path: &Path) -> Result<PathBuf> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    std::path::absolute(here.join(path)).with_context(|| format!("cannot resolve {}", path.display()))
}
