//! Many traps: the same names in many containers, each on an overlay of its own, so that a trap has two keys.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use koney_agent::kernel::{Job, Root};
use koney_tests::kernel::Sight;
use serde_json::{Value, json};

const FOLDER: &str = "/tmp/koney/crowd";
/// Different names, at most.
const NAMES: usize = 1_000;
/// Jobs that are handed over at once.
const BATCH: usize = 1_000;

/// Overlays with decoys, armed.
pub(crate) struct Crowd {
    overlays: Vec<PathBuf>,
    traps: usize,
    keys: usize,
}

impl Crowd {
    /// Makes and arms so many traps, as the agent does: by opening each.
    pub(crate) async fn arm(sight: &mut Sight, traps: usize) -> Result<Self> {
        let mut crowd = Self { overlays: Vec::new(), traps, keys: 0 };
        fs::create_dir_all(FOLDER).context("make the folder of the overlays")?;
        mount(&["-t", "tmpfs", "-o", "size=80%,nr_inodes=0", "crowd", FOLDER])?;
        let names: Vec<String> = (0..NAMES.min(traps)).map(|name| format!("service_token-{name:03}")).collect();
        sight.name(&names.iter().map(String::as_str).chain(["service_token"]).collect::<Vec<_>>());
        let mut jobs = Vec::new();
        let mut trap = 1;
        while trap <= traps {
            let merged = crowd.overlay(&names)?;
            for name in &names {
                if trap > traps {
                    break;
                }
                trap += 1;
                jobs.push(Job { trap: u32::try_from(trap)?, root: Root::Own, path: merged.join(name), known: None });
            }
        }
        for jobs in jobs.chunks(BATCH) {
            for outcome in sight.detector.pool().arm(jobs.to_vec()).await {
                crowd.keys += outcome.context("arm a decoy")?.keys.len();
            }
        }
        ensure!(crowd.keys == 2 * traps, "{traps} traps on overlays have {} keys", crowd.keys);
        Ok(crowd)
    }

    /// One more container's file system; gives its root.
    fn overlay(&mut self, names: &[String]) -> Result<PathBuf> {
        let place = Path::new(FOLDER).join(format!("container-{}", self.overlays.len()));
        for folder in ["lower", "upper", "work", "merged"] {
            fs::create_dir_all(place.join(folder)).context("make a folder of an overlay")?;
        }
        for name in names {
            fs::write(place.join("upper").join(name), "").context("write a decoy")?;
        }
        let merged = place.join("merged");
        let text = |folder: &str| format!("{}/{folder}", place.display());
        let options = format!("lowerdir={},upperdir={},workdir={}", text("lower"), text("upper"), text("work"));
        mount(&["-t", "overlay", "-o", &options, "overlay", &merged.to_string_lossy()])?;
        self.overlays.push(merged.clone());
        Ok(merged)
    }

    /// What was armed.
    pub(crate) fn facts(&self) -> Value {
        json!({ "traps": self.traps + 1, "keys": self.keys + 1, "containers": self.overlays.len(), "names": NAMES.min(self.traps) + 1 })
    }

    /// Takes all of it away.
    pub(crate) fn end(self) -> Result<()> {
        for place in self.overlays.iter().map(PathBuf::as_path).chain([Path::new(FOLDER)]) {
            rustix::mount::unmount(place, rustix::mount::UnmountFlags::DETACH).context("unmount an overlay")?;
        }
        Ok(())
    }
}

fn mount(words: &[&str]) -> Result<()> {
    let status = Command::new("mount").args(words).status().context("start mount")?;
    ensure!(status.success(), "mount {} ended with {status}", words.join(" "));
    Ok(())
}
