//! The set of an agent that came before: silenced, detached, read to the end, removed.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use aya::maps::{HashMap, Map, MapData, MapError, PerCpuArray};
use koney_common::{
    Counter, Repeats, RepeatsKey, Slot,
    identity::LAYOUT,
    name::{CrowdKey, Window},
    record::{CANDIDATE_RING_BYTES, RING_BYTES},
};
use tracing::{debug, info, warn};

use super::{LINK, lock, remove, unlink};
use crate::kernel::{
    gate::{AgentId, Gate},
    hook::Hook,
    repeats::RepeatsTable,
    ring::Ring,
    sweep::{Crowds, Slots},
};

/// How long a living agent may take to read what it has and let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gate of a set.
fn gate(folder: &Path) -> io::Result<Gate> {
    match map(folder, "GATE").map_err(io::Error::other)? {
        Map::Array(data) => Gate::map(data.fd()),
        _ => Err(io::Error::other("is not an array")),
    }
}

fn map(folder: &Path, name: &str) -> Result<Map, MapError> {
    Map::from_map_data(MapData::from_pin(folder.join(name))?)
}

/// What was seen and not told, besides the records.
#[derive(Debug, Default)]
pub struct Remains {
    /// First touches while the ring was full.
    pub slots: Vec<(u32, Slot)>,
    /// Counts of what processes did again.
    pub repeats: Vec<(RepeatsKey, Repeats)>,
    /// Counts of what further processes did.
    pub crowds: Vec<(CrowdKey, Window)>,
    /// Records that found no room and no slot.
    pub dropped: u64,
}

/// One set. Its folder is removed once it was read to the end.
pub struct Former {
    folder: PathBuf,
    layout: u32,
    lock: Option<OwnedFd>,
    since: Option<Instant>,
    rings: Option<[Ring; 2]>,
    gate: Option<Gate>,
    /// Its agent had died and its programs with it.
    watch_ended: bool,
}

impl Former {
    pub(super) const fn new(folder: PathBuf, layout: u32) -> Self {
        Self { folder, layout, lock: None, since: None, rings: None, gate: None, watch_ended: false }
    }

    /// Its programs tell nothing of what that agent opens.
    pub(super) fn announce(&self, agent: AgentId) {
        if self.layout == LAYOUT
            && let Ok(gate) = gate(&self.folder)
        {
            gate.set_successor(agent);
        }
    }

    /// Makes ready to silence it. Where its agent lives, that tells nothing of what it reads from here on: what both sets see, before the
    /// programs are silent, is then told by one who has both.
    pub(in crate::kernel) fn prepare(&mut self) {
        if self.layout != LAYOUT {
            return;
        }
        match gate(&self.folder) {
            Ok(gate) => {
                let kept = self.folder.join(format!("{LINK}{}", Hook::FileOpen.name()));
                self.watch_ended = gate.is_live() && !kept.exists() && self.is_abandoned();
                gate.set_relieving(true);
                self.gate = Some(gate);
            }
            // Half made: nothing was seen by it.
            Err(error) => debug!(folder = %self.folder.display(), %error, "an earlier agent's set is not whole"),
        }
    }

    /// Its programs tell nothing any more. Where it lives, this is how it learns that it has been relieved.
    pub(in crate::kernel) fn silence(&mut self) {
        if let Some(gate) = &self.gate {
            gate.set_live(false);
        }
        self.since = Some(Instant::now());
    }

    /// Its programs are gone with its links.
    pub(in crate::kernel) fn detach(&self) {
        if let Err(error) = unlink(&self.folder) {
            warn!(folder = %self.folder.display(), %error, "an earlier agent's links cannot be removed; use `koney-agent detach`");
        }
    }

    /// Since when nothing has watched, nanoseconds since boot: its programs ended with its agent, as those of kprobes do before Linux 5.15.
    #[must_use]
    pub fn unwatched_since(&self) -> Option<u64> {
        self.gate.as_ref().filter(|_| self.watch_ended).map(Gate::beat_ns).filter(|beat| *beat > 0)
    }

    /// Its agent is gone, or has read what it had, or has been waited for long enough.
    pub fn is_free(&mut self) -> bool {
        self.is_abandoned() || self.since.is_none_or(|since| since.elapsed() > PATIENCE)
    }

    fn is_abandoned(&mut self) -> bool {
        if self.lock.is_none() {
            match lock(&self.folder) {
                Ok(lock) => self.lock = lock,
                // Removed by somebody else: there is nothing to be read.
                Err(error) => debug!(folder = %self.folder.display(), %error, "an earlier agent's folder cannot be locked"),
            }
        }
        self.lock.is_some()
    }

    /// Hands every record that nobody has read to `each`. Must be called inside a tokio runtime.
    pub fn records(&mut self, mut each: impl FnMut(&[u8])) {
        if self.layout != LAYOUT {
            return;
        }
        if self.rings.is_none() {
            let ring = |name, bytes| self.ring(name, bytes);
            match ring("RECORDS", RING_BYTES).and_then(|records| Ok([records, ring("CANDIDATE_RECORDS", CANDIDATE_RING_BYTES)?]))
            {
                Ok(rings) => self.rings = Some(rings),
                Err(error) => debug!(folder = %self.folder.display(), %error, "an earlier agent's set has no rings"),
            }
        }
        for ring in self.rings.iter_mut().flatten() {
            ring.drain(usize::MAX, &mut each);
            ring.publish();
        }
    }

    /// What was seen without a record. Call it after [`Self::records`].
    pub fn remains(&mut self) -> Remains {
        if self.layout != LAYOUT {
            let remedy = "stop an agent before another version is installed, and it tells of all it has";
            warn!(folder = %self.folder.display(), layout = self.layout, own = LAYOUT, remedy, "the records of an agent of another version cannot be read");
            return Remains::default();
        }
        let read = || -> Result<Remains, MapError> {
            let mut repeats = RepeatsTable::new(self.table("REPEATS")?);
            let counted = repeats.read()?.into_keys().collect::<Vec<_>>();
            Ok(Remains {
                slots: Slots::new(self.table("SLOTS")?).take()?,
                repeats: counted.into_iter().filter_map(|key| Some((key, repeats.close(&key)?))).collect(),
                crowds: Crowds::new(self.table("CROWDS")?).read()?,
                dropped: self.dropped()?.saturating_sub(self.gate.as_ref().map_or(0, Gate::dropped_told)),
            })
        };
        read().unwrap_or_else(|error| {
            debug!(folder = %self.folder.display(), %error, "an earlier agent's set is not whole");
            Remains::default()
        })
    }

    /// Everything was read.
    pub fn remove(self) {
        match remove(&self.folder) {
            Ok(()) => info!(folder = %self.folder.display(), "what an earlier agent had left was taken over"),
            Err(error) => {
                warn!(folder = %self.folder.display(), %error, "an earlier agent's set cannot be removed; use `koney-agent detach`");
            }
        }
    }

    fn dropped(&self) -> Result<u64, MapError> {
        let counters = PerCpuArray::<_, u64>::try_from(self.map("COUNTERS")?)?;
        Ok(counters.get(&(Counter::Dropped as u32), 0)?.iter().sum())
    }

    fn map(&self, name: &str) -> Result<Map, MapError> {
        map(&self.folder, name)
    }

    fn table<K: aya::Pod, V: aya::Pod>(&self, name: &str) -> Result<HashMap<MapData, K, V>, MapError> {
        HashMap::try_from(self.map(name)?)
    }

    fn ring(&self, name: &str, bytes: usize) -> io::Result<Ring> {
        match self.map(name).map_err(io::Error::other)? {
            Map::RingBuf(data) => Ring::map(data.fd().as_fd().try_clone_to_owned()?, bytes),
            _ => Err(io::Error::other("is not a ring")),
        }
    }
}
