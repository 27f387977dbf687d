//! `cargo xtask build-ebpf`: the kernel programs, from Rust to an object that the agent's build embeds.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use object::{
    build::elf::{Builder, SectionData},
    elf::SHT_STRTAB,
};

use crate::{
    arch::Arch,
    process,
    setup::{self, Needs, Toolchain},
    ui, workspace,
};

/// The target of the kernel programs: every supported machine is little-endian.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// `cargo xtask build-ebpf`.
pub(crate) fn command() -> Result<u8> {
    let object = build(Arch::here()?)?;
    ui::line(&object.display().to_string());
    Ok(0)
}

/// Builds the object for an architecture, whose registers a kprobe program reads; touches it only if it is another one than before.
pub(crate) fn build(arch: Arch) -> Result<PathBuf> {
    let toolchain = setup::toolchain(&Needs::build())?;
    let mut cargo = cargo(arch, &toolchain, &toolchain.compiler.cargo);
    ui::step("build the kernel programs");
    process::run(cargo.args(["build", "--release"]).args(target_args()))?;

    let built = build_folder(arch).join(TARGET).join("release/koney-ebpf");
    let bytes = fs::read(&built).with_context(|| format!("cargo did not leave {}", built.display()))?;
    check(&bytes).with_context(|| format!("{} is not an object of kernel programs", built.display()))?;
    let bytes = strip(&bytes).with_context(|| format!("cannot take what is for debuggers out of {}", built.display()))?;
    let object = workspace::target().join("ebpf").join(arch.rust()).join("koney-ebpf.o");
    // The agent is rebuilt whenever this file changes.
    if fs::read(&object).ok().as_ref() != Some(&bytes) {
        workspace::write_atomically(&object, &bytes)?;
    }
    Ok(object)
}

/// The arguments that every cargo command for the kernel programs takes.
pub(crate) fn target_args() -> [&'static str; 3] {
    ["-Zbuild-std=core", "--target", TARGET]
}

/// A program of the toolchain's cargo family, set up for the kernel programs.
pub(crate) fn cargo(arch: Arch, toolchain: &Toolchain, program: &Path) -> Command {
    let mut command = Command::new(program);
    workspace::forget_toolchain(&mut command);
    command
        .current_dir(workspace::root().join("koney-ebpf"))
        .env("CARGO", &toolchain.compiler.cargo)
        .env("RUSTC", &toolchain.compiler.rustc)
        .env("CARGO_TARGET_DIR", build_folder(arch))
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", &toolchain.linker)
        .env("RUSTFLAGS", format!("--cfg bpf_target_arch=\"{}\" -C debuginfo=2 -C link-arg=--btf", arch.rust()))
        // The workspace's release profile is made for the agent, for size; the verifier takes what was built for speed. bpf-linker does the
        // linking of all crates itself.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        // Line information names the sources: not where they lie on this machine, so that each machine makes the same object.
        .env("CARGO_UNSTABLE_TRIM_PATHS", "true")
        .env("CARGO_PROFILE_RELEASE_TRIM_PATHS", "all");
    if toolchain.bootstrap {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command
}

fn build_folder(arch: Arch) -> PathBuf {
    // Its own, because another compiler writes there, with flags of its own for each architecture.
    workspace::target().join("ebpf-build").join(arch.rust())
}

/// A host program in the object's place would only be noticed when the agent tries to load it.
fn check(bytes: &[u8]) -> Result<()> {
    const EM_BPF: [u8; 2] = [247, 0];
    if !bytes.starts_with(b"\x7fELF") {
        bail!("no ELF header");
    }
    if bytes.get(18..20) != Some(&EM_BPF) {
        bail!("its machine is not BPF");
    }
    Ok(())
}

/// Without what only a debugger reads, five parts of six: the programs' types (`.BTF`) are made of it, and then it is of no use.
fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut elf = Builder::read64(bytes)?;
    for section in &mut elf.sections {
        section.delete = [b".debug_".as_slice(), b".rel.debug_"].iter().any(|start| section.name.starts_with(start));
    }
    elf.delete_orphans();
    // LLVM keeps the names of sections among those of symbols.
    let names = elf.sections.add();
    names.name = b".shstrtab".as_slice().into();
    names.sh_type = SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    elf.write(&mut stripped)?;
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_for_bpf_passes() {
        let mut object = b"\x7fELF\x02\x01\x01".to_vec();
        object.resize(64, 0);
        assert!(check(&object).is_err());
        object[18] = 247;
        assert!(check(&object).is_ok());
        assert!(check(b"").is_err());
    }
}
