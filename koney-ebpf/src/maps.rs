//! The maps, and the frozen read-only data that the agent fills in before the programs are loaded.

use aya_ebpf::{
    btf_maps::{HashMap, LruHashMap, PerCpuArray, RingBuf},
    macros::btf_map,
};
use koney_common::{
    ArmRequest, NameKey, Offsets, Record, Repeats, RepeatsKey, Slot, TrapEntry, TrapKey,
    counter::COUNTERS as COUNTER_SLOTS,
    name::{self, Candidate, CrowdKey, Decided, NegativeKey, Window},
    offsets::{Config, Extent},
    record::{CANDIDATE_RING_BYTES, RING_BYTES},
    throttle::{self, REPEATS_ENTRIES},
};

/// `BPF_F_NO_PREALLOC`: memory follows the number of traps, not the bound.
const NO_PREALLOC: usize = 1;

/// Where this kernel keeps the fields; see `koney_common::offsets`.
#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Offsets = Offsets::ABSENT;

/// What the agent told the programs.
#[unsafe(no_mangle)]
pub(crate) static CONFIG: Config = Config {
    agent_pid_ns: 0,
    cgroup_v1: 0,
    throttle: 0,
    setattr_dentry: 0,
    lsm_setattr_dentry: 0,
    setxattr_dentry: 0,
    lsm_setxattr_dentry: 0,
    permission_inode: 0,
    inode: NO_EXTENT,
    dentry: NO_EXTENT,
};

const NO_EXTENT: Extent = Extent { start: 0, length: 0 };

/// The armed files.
#[btf_map]
pub(crate) static TRAPS: HashMap<TrapKey, TrapEntry, 262_144, NO_PREALLOC> = HashMap::new();

/// The names of decoys.
#[btf_map]
pub(crate) static NAMES: HashMap<NameKey, u32, { name::NAMES }, NO_PREALLOC> = HashMap::new();

/// Files with a decoy's name that nobody has decided about.
#[btf_map]
pub(crate) static CANDIDATES: LruHashMap<TrapKey, Candidate, { name::CANDIDATES }> = LruHashMap::new();

/// Files with a decoy's name that are none, each for one cgroup.
#[btf_map]
pub(crate) static NEGATIVES: LruHashMap<NegativeKey, u64, { name::NEGATIVES }> = LruHashMap::new();

/// How many processes of a cgroup were recorded for a trap lately.
#[btf_map]
pub(crate) static CROWDS: LruHashMap<CrowdKey, Window, { name::CROWDS }> = LruHashMap::new();

/// What a thread has touched on an overlay whose own open is still to come.
#[btf_map]
pub(crate) static DECIDED_BY_THREAD: LruHashMap<u32, Decided, { name::DECIDED }> = LruHashMap::new();

/// The first touch of each trap while the ring was full.
#[btf_map]
pub(crate) static SLOTS: HashMap<u32, Slot, { throttle::SLOTS }, NO_PREALLOC> = HashMap::new();

/// The agent's threads that are opening a file to arm it, by thread id in the agent's pid namespace.
#[btf_map]
pub(crate) static ARMING: HashMap<u32, ArmRequest, 64> = HashMap::new();

/// What each process does again and again.
#[btf_map]
pub(crate) static REPEATS: LruHashMap<RepeatsKey, Repeats, REPEATS_ENTRIES> = LruHashMap::new();

/// The records.
#[btf_map]
pub(crate) static RECORDS: RingBuf<Record, RING_BYTES> = RingBuf::new();

/// The records of candidates.
#[btf_map]
pub(crate) static CANDIDATE_RECORDS: RingBuf<Record, CANDIDATE_RING_BYTES> = RingBuf::new();

/// What happened, per CPU.
#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<u64, COUNTER_SLOTS> = PerCpuArray::new();
