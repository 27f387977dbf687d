//! How large the agent and its image are.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{arch::Arch, image};

/// Bytes of a million.
const MEGA: f64 = 1_000_000.0;
const MEBI: f64 = 1_048_576.0;

/// Builds both and weighs them. The image's one layer is compressed in the archive, as a registry has it.
pub(crate) fn run(arch: Arch, report: &mut Value) -> Result<Vec<String>> {
    let archive = image::archive("localhost/koney-agent:bench", &[arch])?.len();
    // The same program that the image has: built once.
    let agent = image::agent(arch)?;
    let binary = fs::metadata(&agent).with_context(|| format!("cannot read {}", agent.display()))?.len();
    let [binary, archive] = [binary, u64::try_from(archive)?].map(|bytes| u32::try_from(bytes).map_or(f64::MAX, f64::from));
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    report["size_mib"] = json!({ "binary": rounded(binary / MEBI), "image": rounded(archive / MEBI) });
    report["size_mb"] = json!({ "binary": rounded(binary / MEGA), "image": rounded(archive / MEGA) });
    Ok(Vec::new())
}
