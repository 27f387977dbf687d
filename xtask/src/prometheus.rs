//! Prometheus and its `promtool`, for tests: Debian's package, unpacked into koney's cache and never installed on this machine, where it
//! would start a server.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    arch::Arch,
    setup::{PrivateApt, put_in_place},
    ui, workspace,
};

/// The package.
const PACKAGE: &str = "prometheus";
/// Its programs, which need the C library alone.
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// Whether it is there.
pub(crate) fn is_there() -> Result<bool> {
    let folder = folder()?.join("usr/bin");
    Ok(PROGRAMS.iter().all(|program| folder.join(program).is_file()))
}

/// Fetches it, unless it is there.
pub(crate) fn fetch() -> Result<()> {
    if is_there()? {
        return Ok(());
    }
    ui::step("setup: fetch Prometheus");
    let place = folder()?;
    let draft = place.with_extension("draft");
    PrivateApt::sources(Arch::here()?)?.unpack(&[PACKAGE.to_owned()], &draft)?;
    put_in_place(&draft, &place)
}

/// Where the tests look for it (`tests/src/prometheus.rs`).
fn folder() -> Result<PathBuf> {
    Ok(workspace::cache()?.join("tools/prometheus"))
}
