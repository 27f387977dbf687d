//! Records of a real kernel, again and again: each of another process, at a trap of its own choice.

use std::{mem::offset_of, process, sync::Arc};

use anyhow::{Context as _, Result};
use koney_agent::{
    cluster::pods::Pod,
    event::{Observation, decode},
    kernel::{Armed, ArmedKey, Root, Stamp},
    trap::{Accessor, ContainerPlace, Place, Surroundings, Table, Wanted},
};
use koney_common::{Record, TrapKey, record::RECORD_LEN};

use super::boot_ns;

/// As a kernel wrote them: `cat` on a host, and the same in a container of containerd's.
const ON_HOST: &[u8] = include_bytes!("../../../fuzz/corpus-seeds/record/cat");
const IN_CONTAINER: &[u8] = include_bytes!("../../../fuzz/corpus-seeds/record/in-a-container");

/// The device of all decoys.
const DEVICE: u32 = 0x0080_0001;

/// Where the decoys are, and whoever touches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// On a bare host.
    Host,
    /// In a container, by its own processes.
    Container,
}

/// A record, and what it takes to have it belong to a trap.
pub struct Recorded {
    scene: Scene,
    traps: u32,
    /// Policies that want each of the traps.
    policies: u32,
    record: Vec<u8>,
    container: Option<String>,
}

impl Recorded {
    /// Accesses to so many traps.
    pub fn new(scene: Scene, traps: u32) -> Result<Self> {
        let record = if scene == Scene::Host { ON_HOST } else { IN_CONTAINER }.to_vec();
        let seen = decode(&record).context("the record is of this layout")?;
        let container = match Accessor::of(&seen.subject) {
            Accessor::Container(id) if scene == Scene::Container => Some(id.to_owned()),
            _ => None,
        };
        anyhow::ensure!(container.is_some() == (scene == Scene::Container), "the record is of the scene");
        Ok(Self { scene, traps, policies: 1, record, container })
    }

    /// With so many policies that all want each of the traps: every access is an alert of each.
    #[must_use]
    pub const fn wanted_by(mut self, policies: u32) -> Self {
        self.policies = policies;
        self
    }

    /// The path of a trap.
    #[must_use]
    pub fn path(trap: u32) -> String {
        format!("/run/secrets/koney/token-{trap}")
    }

    /// The table, with every trap armed.
    pub fn table(&self) -> Result<Table> {
        let mut table = Table::default();
        let place = self.place()?;
        if let (Place::Container(container), Some(id)) = (&place, &self.container) {
            let mut around = Surroundings::default();
            around.known.insert(id.clone(), Arc::clone(container));
            around.pods.insert(id.clone(), Arc::new(Pod::default()));
            around.planted.insert(id.clone(), Vec::new());
            table.surround(around);
        }
        let pairs = (0..self.traps).flat_map(|trap| (0..self.policies).map(move |policy| (trap, policy)));
        table.want(pairs.map(|(trap, policy)| Wanted {
            place: place.clone(),
            policy: format!("policy-{policy}"),
            file_path: Self::path(trap),
            denied: false,
        }));
        let round = table.begin_round();
        for job in table.jobs() {
            let name = job.path.to_string_lossy().into_owned();
            let trap = name.rsplit('-').next().and_then(|number| number.parse().ok()).context("a trap is named by its number")?;
            let keys = vec![ArmedKey { key: Self::key(trap), generation: 1 }];
            table.settle(&job, Ok(Armed { keys, stamp: Stamp::default(), canonical: Some(job.path.clone()) }));
        }
        table.end_round(round);
        Ok(table)
    }

    /// The record of an access of the process of this number to one of the traps, now.
    pub fn record(&mut self, number: u32) -> &[u8] {
        let trap = number % self.traps;
        let (pid, key) = (1_000 + number % 4_000_000, Self::key(trap));
        self.put(offset_of!(Record, time_ns), &boot_ns().to_ne_bytes());
        for offset in
            [offset_of!(Record, pid), offset_of!(Record, tid), offset_of!(Record, init_pid), offset_of!(Record, init_tid)]
        {
            self.put(offset, &pid.to_ne_bytes());
        }
        self.put(offset_of!(Record, start_time_ns), &(1_000_000_000 + u64::from(number)).to_ne_bytes());
        self.put(offset_of!(Record, device), &key.device.to_ne_bytes());
        self.put(offset_of!(Record, inode), &key.inode.to_ne_bytes());
        // Components, last first (`koney_common::record`).
        let path =
            Self::path(trap).rsplit('/').filter(|part| !part.is_empty()).fold(String::new(), |path, part| path + part + "\0");
        self.put(offset_of!(Record, path), path.as_bytes());
        let length = u16::try_from(path.len()).unwrap_or_default();
        self.put(offset_of!(Record, path_len), &length.to_ne_bytes());
        &self.record
    }

    /// The same, decoded.
    pub fn observation(&mut self, number: u32) -> Result<Observation> {
        decode(self.record(number)).context("the record is of this layout")
    }

    fn key(trap: u32) -> TrapKey {
        TrapKey::new(DEVICE, 1_000_000 + u64::from(trap))
    }

    /// This process stands for the container's.
    fn place(&self) -> Result<Place> {
        let Some(id) = &self.container else { return Ok(Place::Host) };
        let text = |text: &str| text.to_owned();
        Ok(Place::Container(Arc::new(ContainerPlace {
            id: id.clone(),
            root: Some(Root::of(process::id()).context("this process lives")?),
            sandboxed: false,
            runtime: text("containerd"),
            namespace: text("koney-demo"),
            pod: text("web-6d4cf56db6-x7k2p"),
            name: text("main"),
            workload: Some((text("Deployment"), text("web"))),
        })))
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.record.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// The scene's name in results.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.scene {
            Scene::Host => "host",
            Scene::Container => "container",
        }
    }
}

const _: () = assert!(ON_HOST.len() == RECORD_LEN && IN_CONTAINER.len() == RECORD_LEN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_hits_the_trap_it_names() {
        for scene in [Scene::Host, Scene::Container] {
            let mut recorded = Recorded::new(scene, 7).expect("records of this layout");
            let mut table = recorded.table().expect("a table");
            for number in 0..20 {
                let seen = recorded.observation(number).expect("decodes");
                let hits = table.hits(&seen);
                assert_eq!(seen.path.as_deref(), Some(Recorded::path(number % 7).as_str()));
                assert_eq!(hits.iter().map(|hit| hit.file_path.to_string()).collect::<Vec<_>>(), [Recorded::path(number % 7)]);
            }
        }
    }
}
