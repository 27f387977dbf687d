//! A program that does nothing, attached like koney's own: what a way of attaching costs by itself.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use aya::{Btf, Ebpf, EbpfLoader, programs::Program};
use koney_agent::kernel::Method;

/// An attached program that does nothing; detached when dropped.
pub struct Floor {
    _ebpf: Ebpf,
}

impl Floor {
    /// Attaches the empty program of the object `object`, which `cargo xtask build-ebpf` has built.
    pub fn attach(object: &Path, method: Method) -> Result<Self> {
        let bytes = fs::read(object).with_context(|| format!("cannot read {}", object.display()))?;
        let btf = Btf::from_sys_fs().context("this kernel does not describe its types")?;
        let mut ebpf = EbpfLoader::new().btf(Some(&btf)).load(&bytes).context("the kernel refuses the object's maps")?;
        let name = format!("floor_{}", method.name());
        let program = ebpf.program_mut(&name);
        match program.with_context(|| format!("the object has no program {name}: run cargo xtask build-ebpf"))? {
            Program::Lsm(lsm) => {
                lsm.load("file_open", &btf)?;
                lsm.attach()?;
            }
            Program::FEntry(fentry) => {
                fentry.load("security_file_open", &btf)?;
                fentry.attach()?;
            }
            Program::KProbe(kprobe) => {
                kprobe.load()?;
                kprobe.attach("security_file_open", 0)?;
            }
            _ => bail!("program {name} is of another type"),
        }
        Ok(Self { _ebpf: ebpf })
    }
}
