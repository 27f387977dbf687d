//! One scenario's stage: its folder, its traps, its intruders, and what comes of them.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use koney_agent::kernel::{Environment, Preemption};
use koney_common::Counter;
use tempfile::TempDir;
use tokio::time::timeout;

use super::{attach::Attach, check::Tally, scene::Scene, told::Told, want::Trap};
use crate::container::{Container, Image, Images, Place, Process, Runtime, Setup, Spawn};

/// Between two looks at what was told.
const STEP: Duration = Duration::from_millis(50);
/// Where most traps are.
pub(super) const TOKEN: &str = "/run/secrets/koney/service_token";
/// What is in them.
pub(super) const SECRET: &str = "someverysecrettoken\n";

/// The stage of one scenario.
pub struct Trial {
    /// How the detector is attached.
    pub attach: Attach,
    /// Who makes containers.
    pub runtime: Runtime,
    pub(super) scene: Option<Scene>,
    pub(super) tally: Tally,
    folder: TempDir,
    images: Arc<Images>,
    policies: u32,
    pub(super) dropped_before: u64,
    missed_before: u64,
}

impl Trial {
    pub(super) fn new(attach: Attach, runtime: Runtime, scene: Scene, images: Arc<Images>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("koney-evasion-").tempdir().context("make a folder for the scenario")?;
        // Intruders of other users walk through it.
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let (dropped_before, missed_before) = (scene.counts().get(Counter::Dropped), scene.missed());
        Ok(Self {
            attach,
            runtime,
            scene: Some(scene),
            tally: Tally::default(),
            folder,
            images,
            policies: 0,
            dropped_before,
            missed_before,
        })
    }

    /// Ends the scenario: what has come of it, and the detector for the next one.
    pub(super) fn end(mut self) -> (Tally, Option<Scene>) {
        let mut scene = self.scene.take();
        if let Some(scene) = &mut scene {
            self.tally.missed += scene.missed().saturating_sub(self.missed_before);
            scene.unwant_all();
        }
        (self.tally, scene)
    }

    /// The detector.
    pub fn scene(&mut self) -> &mut Scene {
        self.scene.as_mut().expect("a scene is only away while it is started again")
    }

    /// Ends the detector; whoever follows starts another.
    pub fn alone(&mut self) {
        if let Some(scene) = self.scene.take() {
            self.tally.missed += scene.missed().saturating_sub(self.missed_before);
        }
    }

    /// This cannot happen on this kernel.
    pub fn skip(&mut self, reason: &str, since: (u32, u32)) {
        self.tally.skipped = Some((reason.to_owned(), since));
    }

    /// Ends the detector, and starts it again.
    pub async fn restart(&mut self) -> Result<()> {
        self.alone();
        self.missed_before = 0;
        self.scene = Some(self.attach.scene().await?);
        self.dropped_before = 0;
        Ok(())
    }

    /// Whether the detector is one of eBPF.
    #[must_use]
    pub fn ebpf(&self) -> bool {
        self.attach != Attach::Fanotify
    }

    /// Whether the running kernel is at least this.
    #[must_use]
    pub fn kernel_since(&self, major: u32, minor: u32) -> bool {
        !Environment::read().older_than(major, minor)
    }

    /// Whether the method misses accesses on this kernel, and counts them.
    #[must_use]
    pub fn misses(&self) -> bool {
        match self.attach {
            Attach::Ebpf(method) => {
                method.degraded(&Environment::read()).is_some() || Environment::read().preemption == Preemption::Unknown
            }
            Attach::Fanotify => false,
        }
    }

    /// A path on the stage.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// A folder on the stage.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(&path).with_context(|| format!("make {name}"))?;
        Ok(path)
    }

    /// Puts a secret on the stage, with its folders; gives its path.
    pub fn plant(&self, name: &str) -> Result<String> {
        plant(&self.path(name))?;
        Ok(self.text(name))
    }

    /// An image with a layer of its own.
    pub fn image(&self, name: &str) -> Result<Image> {
        self.images.image(&self.path(&format!("image-{name}")))
    }

    /// An image with a secret at the usual place.
    pub fn baited(&self, name: &str) -> Result<Image> {
        let image = self.image(name)?;
        image.put(TOKEN, SECRET)?;
        Ok(image)
    }

    /// Starts a container.
    pub async fn start(&mut self, mut setup: Setup) -> Result<Container> {
        setup.runtime = self.runtime;
        Container::start(self.folder.path(), &setup).await
    }

    /// A container of an image with a secret at the usual place, which is a trap and armed.
    pub async fn usual(&mut self) -> Result<(Container, Trap)> {
        let image = self.baited("usual")?;
        let container = self.start(Setup::of(&image)).await?;
        let trap = self.armed(&container.place(), TOKEN).await;
        Ok((container, trap))
    }

    /// Wants a trap, by a policy of its own.
    pub fn trap(&mut self, place: &Place, path: &str) -> Trap {
        self.policies += 1;
        let trap = Trap { policy: format!("policy-{}", self.policies), place: place.clone(), path: path.to_owned() };
        self.scene().want(&trap.policy, place, path);
        trap
    }

    /// The same, and it must be armed.
    pub async fn armed(&mut self, place: &Place, path: &str) -> Trap {
        let trap = self.trap(place, path);
        self.settle().await;
        self.state(&trap, "armed");
        trap
    }

    /// Wants a trap, by a policy of its own that has denied attempts told too.
    pub fn trap_denied(&mut self, place: &Place, path: &str) -> Trap {
        self.policies += 1;
        let trap = Trap { policy: format!("policy-{}", self.policies), place: place.clone(), path: path.to_owned() };
        self.scene().want_denied(&trap.policy, place, path);
        trap
    }

    /// One arming round.
    pub async fn settle(&mut self) {
        self.scene().settle().await;
    }

    /// Has the intruder do something on the host, and waits until it is done.
    pub async fn host(&mut self, words: &[&str]) -> Result<Process> {
        done(Spawn::act(words).on_host()?).await
    }

    /// Has the intruder do something in a container, and waits until it is done.
    pub async fn inside(&mut self, container: &Container, words: &[&str]) -> Result<Process> {
        done(Spawn::act(words).inside(container).await?).await
    }

    /// What is told while an intruder is at work, as the agent reads: as it comes.
    pub async fn meanwhile(&mut self, process: &mut Process) -> Result<Vec<Told>> {
        let mut told = Vec::new();
        loop {
            let done = timeout(STEP, process.done()).await;
            told.extend(self.scene().told().await);
            if let Ok(outcome) = done {
                outcome?;
                return Ok(told);
            }
        }
    }
}

/// Waits until an intruder is done.
pub(super) async fn done(mut process: Process) -> Result<Process> {
    process.done().await?;
    Ok(process)
}

/// Writes a secret, with its folders.
pub(super) fn plant(path: &Path) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    fs::write(path, SECRET).with_context(|| format!("plant {}", path.display()))
}

/// Text of a path.
#[must_use]
pub(super) fn text(path: impl AsRef<OsStr>) -> String {
    path.as_ref().to_string_lossy().into_owned()
}
