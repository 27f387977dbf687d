//! Writes the definitions of the resources as YAML, from the very types that the agent reads: `koney-crds [--check] FOLDER`.

use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result, bail};
use koney_agent::cluster::crds::definitions;

const HEADER: &str = "# Made by `cargo xtask generate` from koney-agent/src/cluster/; do not edit.\n";

fn main() -> Result<()> {
    let mut words: Vec<_> = env::args_os().skip(1).collect();
    let check = words.first().is_some_and(|word| word == "--check");
    words.drain(..usize::from(check));
    let [folder] = words.as_slice() else { bail!("expected: koney-crds [--check] FOLDER") };
    for (plural, definition) in definitions() {
        let path = PathBuf::from(folder).join(format!("{plural}.yaml"));
        let made = format!("{HEADER}{}", serde_saphyr::to_string(&definition).context("write it as YAML")?);
        let now = fs::read_to_string(&path).unwrap_or_default();
        if now == made {
            continue;
        }
        if check {
            bail!("{} is not what the agent's types make of it: run cargo xtask generate", path.display());
        }
        fs::create_dir_all(folder)?;
        fs::write(&path, made).with_context(|| format!("write {}", path.display()))?;
        writeln!(io::stdout(), "{} is made anew", path.display())?;
    }
    Ok(())
}
