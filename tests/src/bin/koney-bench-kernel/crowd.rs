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

/// Overlays with decoys.
pub(crate) struct Crowd {
    overlays: Vec<PathBuf>,
    names: Vec<String>,
    traps: usize,
    keys: usize,
}

impl Crowd {
    /// Makes the files of so many traps and looks each of them up once: a kernel that knows many names takes longer to find any.
    pub(crate) fn make(traps: usize) -> Result<Self> {
        let names = (0..NAMES.min(traps)).map(|name| format!("service_token-{name:03}")).collect();
        let mut crowd = Self { overlays: Vec::new(), names, traps, keys: 0 };
        fs::create_dir_all(FOLDER).context("make the folder of the overlays")?;
        mount(&["-t", "tmpfs", "-o", "size=80%,nr_inodes=0", "crowd", FOLDER])?;
        while crowd.overlays.len() * crowd.names.len() < traps {
            crowd.overlay()?;
        }
        for path in crowd.paths() {
            fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?;
        }
        Ok(crowd)
    }

    /// Arms each, as the agent does: by opening it.
    pub(crate) async fn arm(&mut self, sight: &Sight) -> Result<()> {
        sight.name(&self.names.iter().map(String::as_str).chain(["service_token"]).collect::<Vec<_>>());
        // The first one is the decoy that is there besides.
        let jobs = (2..).zip(self.paths()).map(|(trap, path)| Job { trap, root: Root::Own, path, known: None });
        let jobs: Vec<Job> = jobs.collect();
        self.keys = 0;
        for jobs in jobs.chunks(BATCH) {
            for outcome in sight.detector.pool().arm(jobs.to_vec()).await {
                self.keys += outcome.context("arm a decoy")?.keys.len();
            }
        }
        ensure!(self.keys == 2 * self.traps, "{} traps on overlays have {} keys", self.traps, self.keys);
        Ok(())
    }

    fn paths(&self) -> Vec<PathBuf> {
        let all = self.overlays.iter().flat_map(|merged| self.names.iter().map(|name| merged.join(name)));
        all.take(self.traps).collect()
    }

    /// One more container's file system.
    fn overlay(&mut self) -> Result<()> {
        let place = Path::new(FOLDER).join(format!("container-{}", self.overlays.len()));
        for folder in ["lower", "upper", "work", "merged"] {
            fs::create_dir_all(place.join(folder)).context("make a folder of an overlay")?;
        }
        for name in &self.names {
            fs::write(place.join("upper").join(name), "").context("write a decoy")?;
        }
        let merged = place.join("merged");
        let text = |folder: &str| format!("{}/{folder}", place.display());
        let options = format!("lowerdir={},upperdir={},workdir={}", text("lower"), text("upper"), text("work"));
        mount(&["-t", "overlay", "-o", &options, "overlay", &merged.to_string_lossy()])?;
        self.overlays.push(merged);
        Ok(())
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
