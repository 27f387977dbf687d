//! Memory of eBPF in the kernel, as the kernel accounts it.

use std::{collections::BTreeMap, fs, os::fd::AsRawFd as _};

use anyhow::{Context as _, Result};
use aya::{
    maps::{HashMap, Map, MapData, MapInfo, loaded_maps},
    programs::loaded_programs,
};
use koney_common::{TrapEntry, TrapKey};
use serde_json::{Value, json};

const KEY: usize = size_of::<TrapKey>();
const ENTRY: usize = size_of::<TrapEntry>();

/// Everything of eBPF that is loaded, in bytes (`memlock` in `/proc/PID/fdinfo` of a descriptor).
///
/// Since 6.4 the kernel says there what a map uses; before that, what it would with all of its entries, also where they are not
/// preallocated.
#[derive(Clone, Debug, Default)]
pub struct KernelMemory {
    /// By the map's name, which the kernel cuts to 15 bytes.
    pub maps: BTreeMap<String, u64>,
    /// Of all programs together.
    pub programs: u64,
    /// Programs.
    pub loaded: usize,
}

impl KernelMemory {
    /// Asks the kernel.
    pub fn now() -> Result<Self> {
        let mut memory = Self::default();
        for info in loaded_maps() {
            let info = info.context("list the maps")?;
            let name = info.name_as_str().unwrap_or_default().to_owned();
            let fd = info.fd().context("open a map")?;
            *memory.maps.entry(name).or_default() += memlock(&fd)?;
        }
        for info in loaded_programs() {
            let fd = info.context("list the programs")?.fd().context("open a program")?;
            memory.programs += memlock(&fd)?;
            memory.loaded += 1;
        }
        Ok(memory)
    }

    /// What is there that was not there before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let gained = |name: &str, bytes: u64| bytes.saturating_sub(before.maps.get(name).copied().unwrap_or_default());
        let maps = self.maps.iter().map(|(name, bytes)| (name.clone(), gained(name, *bytes))).filter(|(_, bytes)| *bytes > 0);
        Self {
            maps: maps.collect(),
            programs: self.programs.saturating_sub(before.programs),
            loaded: self.loaded.saturating_sub(before.loaded),
        }
    }

    /// Bytes, with each map's own.
    #[must_use]
    pub fn bytes(&self) -> Value {
        json!({ "maps": self.maps.values().sum::<u64>(), "programs": self.programs, "loaded": self.loaded, "map": self.maps })
    }
}

/// How many keys are in the trap tables that are loaded.
pub fn keys() -> Result<usize> {
    let is_traps = |info: &MapInfo| info.name_as_str() == Some("TRAPS");
    let mut keys = 0;
    for info in loaded_maps() {
        let info = info.context("list the maps")?;
        if is_traps(&info) {
            let map = Map::from_map_data(MapData::from_id(info.id()).context("open the trap table")?)?;
            let table: HashMap<_, [u8; KEY], [u8; ENTRY]> = map.try_into().context("the trap table has this layout")?;
            keys += table.keys().count();
        }
    }
    Ok(keys)
}

fn memlock(fd: &impl std::os::fd::AsFd) -> Result<u64> {
    let number = fd.as_fd().as_raw_fd();
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).context("ask for a descriptor")?;
    let line = text.lines().find_map(|line| line.strip_prefix("memlock:")).context("the kernel accounts it")?;
    line.trim().parse().context("a number")
}
