//! `cargo xtask image`: the agent alone in an image, as an OCI archive that every runtime imports. No daemon takes part.
//!
//! The same checkout makes the same bytes: files are in one order, of one time and of nobody.

mod layer;
mod oci;
mod reproduce;
mod sbom;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

pub(crate) use layer::Layer;

use crate::{
    arch::Arch,
    cli::ImageArgs,
    cross, ebpf, process,
    setup::{self, Needs},
    ui, workspace,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the agent verifies sinks against, unless they bring their own.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// `cargo xtask image`.
pub(crate) fn command(args: &ImageArgs) -> Result<u8> {
    let archs = if args.arch.is_empty() { vec![Arch::here()?] } else { args.arch.clone() };
    let name = args.name.clone().unwrap_or_else(|| format!("localhost/koney-agent:{VERSION}"));
    let bytes = archive(&name, &archs)?;
    let file = args.output.clone().unwrap_or_else(|| workspace::target().join("image/koney-agent.tar"));
    workspace::write_atomically(&file, &bytes)?;
    for arch in &archs {
        let beside = file.with_extension(format!("{}.cdx.json", arch.debian()));
        workspace::write_atomically(&beside, sbom::document(*arch)?.as_bytes())?;
        ui::line(&format!("{}, its bill of materials", beside.display()));
    }
    ui::line(&format!("{}, {} bytes, sha256:{}", file.display(), bytes.len(), oci::digest(&bytes)));
    if args.check_reproducible {
        return reproduce::check(&name, &archs, &bytes);
    }
    Ok(0)
}

/// The agent's image for these architectures.
pub(crate) fn archive(name: &str, archs: &[Arch]) -> Result<Vec<u8>> {
    let layers = archs.iter().map(|arch| Ok((*arch, layer(*arch)?))).collect::<Result<Vec<_>>>()?;
    oci::archive(name, VERSION, &layers, &["/koney-agent"])
}

/// An image of one layer, with what it starts.
pub(crate) fn of_layer(name: &str, arch: Arch, layer: &[u8], entry: &[&str]) -> Result<Vec<u8>> {
    oci::archive(name, VERSION, &[(arch, layer.to_vec())], entry)
}

/// The agent for an architecture, without any shared library.
pub(crate) fn agent(arch: Arch) -> Result<PathBuf> {
    ebpf::build(arch)?;
    if !arch.is_here() {
        setup::ensure(&Needs::test(arch, &[]))?;
    }
    ui::step(&format!("build the agent for {}", arch.debian()));
    let mut cargo = cross::distributed(arch, &["build", "--release", "--locked", "--package", "koney-agent"])?;
    process::run(&mut cargo)?;
    Ok(workspace::target().join(arch.triple()).join("release/koney-agent"))
}

fn layer(arch: Arch) -> Result<Vec<u8>> {
    let agent = agent(arch)?;
    let read = |path: &std::path::Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut layer = Layer::default();
    layer.folders(&["etc/ssl/certs", "proc", "sys", "dev", "tmp", "var/lib/koney"])?;
    layer.file("etc/ssl/certs/ca-certificates.crt", 0o644, &read(CERTIFICATES.as_ref())?)?;
    layer.file("etc/nsswitch.conf", 0o644, b"hosts: files dns\n")?;
    layer.folders(&["usr/share/koney"])?;
    layer.file("usr/share/koney/sbom.cdx.json", 0o644, sbom::document(arch)?.as_bytes())?;
    layer.file("koney-agent", 0o755, &read(&agent)?)?;
    layer.finish()
}
