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

use super::{
    attach::Attach,
    scene::Scene,
    told::Told,
    want::{Trap, Want, compare},
};
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
    dropped_before: u64,
    missed_before: u64,
}

/// What has come of a scenario so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) expected: u64,
    pub(super) alerts: u64,
    pub(super) missed: u64,
    pub(super) problems: Vec<String>,
    /// More was to be expected than can be told exactly: the method misses, and says how often.
    pub(super) degraded: bool,
    /// Why it was not played in the end, and the first kernel on which it can be.
    pub(super) skipped: Option<(String, (u32, u32))>,
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

    /// The trap must be in this state.
    pub fn state(&mut self, trap: &Trap, expected: &str) {
        let state = self.scene().state(&trap.place, &trap.path);
        if state != expected {
            self.wrong(format!("{} is {state}, not {expected}", trap.path));
        }
    }

    /// The trap must be in one of these states.
    pub fn state_among(&mut self, trap: &Trap, expected: &[&str]) {
        let state = self.scene().state(&trap.place, &trap.path);
        if !expected.contains(&state.as_str()) {
            self.wrong(format!("{} is {state}, not {}", trap.path, expected.join(" or ")));
        }
    }

    /// The kernel must have had room for everything since the start.
    pub fn nothing_dropped(&mut self) {
        let dropped = self.scene().counts().get(Counter::Dropped) - self.dropped_before;
        if dropped > 0 {
            self.wrong(format!("{dropped} records were dropped"));
        }
    }

    /// Something is not as it should be.
    pub fn wrong(&mut self, problem: impl Into<String>) {
        self.tally.problems.push(problem.into());
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

    /// Exactly these must have been told since the last look.
    pub async fn expect(&mut self, what: &str, wants: impl IntoIterator<Item = Want>) {
        let told = self.scene().told().await;
        self.compare(what, wants, told);
    }

    /// Nothing may have been told since the last look.
    pub async fn quiet(&mut self, what: &str) {
        self.expect(what, []).await;
    }

    /// Exactly these must be what was told.
    pub fn compare(&mut self, what: &str, wants: impl IntoIterator<Item = Want>, told: Vec<Told>) {
        let wants: Vec<_> = wants.into_iter().collect();
        let wants = if self.ebpf() { wants } else { wants.into_iter().filter_map(Want::in_fanotify).collect() };
        self.tally.alerts += told.len() as u64;
        let (expected, problems) = compare(&wants, told);
        self.tally.expected += expected;
        self.tally.problems.extend(problems.into_iter().map(|problem| format!("{what}: {problem}")));
    }

    /// So many accesses were caused, and so many were told of. Where the method misses, what it counts as missed may make up for the rest.
    pub fn account(&mut self, what: &str, caused: u64, told: u64, missed: u64) {
        self.tally.expected += caused;
        self.tally.alerts += told;
        self.tally.degraded |= self.misses();
        let fits = if self.misses() { told <= caused && caused <= told + missed } else { told == caused };
        if !fits {
            self.wrong(format!("{what}: {told} of {caused} accesses were told, {missed} counted as missed"));
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
