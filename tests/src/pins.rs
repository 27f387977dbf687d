//! Agents whose programs outlive them, and what they leave in the kernel.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    agent::{self, Agent},
    stage::Stage,
};

/// A folder of the test's own to pin below; nothing of it is left.
pub struct Pins(pub String);

/// Everything of eBPF in the kernel, by its ids.
#[derive(Debug, PartialEq, Eq)]
pub struct Loaded {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
    links: BTreeSet<u32>,
}

impl Pins {
    /// A folder that no other test uses.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        Self(format!("/sys/fs/bpf/koney-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// Starts an agent and waits until its traps are armed.
    pub async fn armed(&self, stage: &Stage, traps: usize) -> Result<Agent> {
        let agent = stage.start_pinned(&self.0)?;
        agent.logged(&format!("traps armed={traps} traps={traps}")).await?;
        Ok(agent)
    }

    /// What `koney-agent detach` prints.
    pub fn detach(&self) -> Result<String> {
        let mut command = Command::new(agent::program()?);
        let answer = command.args(["detach", "--pins", &self.0]).stdin(Stdio::null()).output().context("run detach")?;
        ensure!(answer.status.success(), "{answer:?}");
        Ok(String::from_utf8(answer.stdout)?)
    }

    /// The sets that are there.
    #[must_use]
    pub fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        self.detach().expect("nothing is left of the test");
    }
}

impl Loaded {
    /// Asks the kernel.
    pub fn now() -> Result<Self> {
        Ok(Self {
            programs: aya::programs::loaded_programs().map(|found| Ok(found?.id())).collect::<Result<_>>()?,
            maps: aya::maps::loaded_maps().map(|found| Ok(found?.id())).collect::<Result<_>>()?,
            links: aya::programs::loaded_links().map(|found| Ok(found?.id())).collect::<Result<_>>()?,
        })
    }

    /// Something is there that was not there before.
    #[must_use]
    pub fn is_more_than(&self, before: &Self) -> bool {
        [(&self.programs, &before.programs), (&self.maps, &before.maps), (&self.links, &before.links)]
            .iter()
            .any(|(now, before)| !now.is_subset(before))
    }
}

/// The process of an alert line.
#[must_use]
pub fn process(line: &str) -> Option<u32> {
    let alert: Value = serde_json::from_str(line).ok()?;
    alert.pointer("/process/pid")?.as_u64()?.try_into().ok()
}

/// The processes of all alert lines, in order of their numbers.
#[must_use]
pub fn processes(lines: &[String]) -> Vec<u32> {
    let mut found: Vec<_> = lines.iter().filter_map(|line| process(line)).collect();
    found.sort_unstable();
    found
}

/// In order of their numbers.
#[must_use]
pub fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}
