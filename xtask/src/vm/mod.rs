//! A command inside a chosen kernel: `cargo xtask vm`.
//!
//! A run is a function: kernel and files in, one [`Verdict`] out. [`run`] is that function; everything that boots a
//! guest calls it.

mod console;
mod cpio;
mod initramfs;
pub(crate) mod kernel;
mod libraries;
mod modules;
mod named;
mod qemu;
mod spec;
mod strip;
pub(crate) mod tools;

use std::process;

use anyhow::{Result, bail};

pub(crate) use self::{
    console::Verdict,
    qemu::{run, version as qemu_version, words as qemu_words},
    spec::{DISK, Spec},
};
use crate::{
    arch::Arch,
    cli::VmArgs,
    exit::{Exit, NO_VERDICT},
    setup::{self, Needs, Package},
    suite, ui,
};

/// The kernel of a command that names none.
const USUAL_KERNEL: &str = "6.12";

/// The packages a guest takes, each with the program by which it is known to be there.
pub(crate) fn packages(arch: Arch) -> Vec<Package> {
    let machine = kernel::Machine::of(arch);
    let mut packages =
        vec![(machine.qemu_package, machine.qemu), ("kmod", "depmod"), ("xz-utils", "xz"), ("binutils", "objcopy")];
    if arch.is_here() {
        packages.push(("busybox-static", "busybox"));
    }
    packages.into_iter().map(|(package, program)| Package(package.to_owned(), program.to_owned())).collect()
}

/// `cargo xtask vm`.
pub(crate) fn command(args: &VmArgs) -> Result<u8> {
    if let Some(suite) = args.suite {
        return suite::command(suite, args);
    }
    let arch = args.arch.map_or_else(Arch::here, Ok)?;
    let mut series = kernel::select(&args.kernel)?;
    if series.is_empty() {
        series.push(USUAL_KERNEL.to_owned());
    }
    setup::ensure(&Needs::vm(arch, &series))?;
    let program = args.command.first().map_or(Ok(None), |name| named::build(arch, name))?;
    let mut worst = 0;
    for name in &series {
        if series.len() > 1 {
            ui::step(&format!("kernel {name}"));
        }
        let mut spec = Spec::from_args(args, arch, name)?;
        if let Some(program) = &program {
            spec.run(program)?;
        }
        let status = match run(&spec, &mut |line| ui::line(line)) {
            Ok(Verdict::Exited(status)) => status,
            Ok(verdict) => {
                ui::error(&anyhow::anyhow!("kernel {name}: {verdict}"));
                NO_VERDICT
            }
            Err(error) if series.len() > 1 => {
                ui::error(&error.context(format!("kernel {name}")));
                NO_VERDICT
            }
            Err(error) => {
                return Err(Exit { code: NO_VERDICT, message: format!("kernel {name}: {error:#}") }.into());
            }
        };
        if worst == 0 {
            worst = status;
        }
    }
    Ok(worst)
}

/// A token that no output contains by chance.
fn nonce() -> Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    let nonce: String = id.chars().filter(char::is_ascii_hexdigit).collect();
    if nonce.len() != 32 {
        bail!("the kernel gave no random id to process {}", process::id());
    }
    Ok(nonce)
}
