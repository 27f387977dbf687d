//! The maps, and the frozen read-only data that the agent fills in before the programs are loaded.

use aya_ebpf::{
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
    macros::btf_map,
};
use koney_common::{
    ArmRequest, Gate, Offsets, Record, Repeats, RepeatsKey, TrapEntry, TrapKey, counter::COUNTERS as COUNTER_SLOTS,
    offsets::Config, record::RING_BYTES, throttle::REPEATS_ENTRIES,
};

/// `BPF_F_NO_PREALLOC`: memory follows the number of traps, not the bound.
const NO_PREALLOC: usize = 1;

/// `BPF_F_MMAPABLE`: the agent writes the gate directly.
const MMAPABLE: usize = 1 << 10;

/// Where this kernel keeps the fields; see `koney_common::offsets`.
#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Offsets = Offsets::ABSENT;

/// What the agent told the programs.
#[unsafe(no_mangle)]
pub(crate) static CONFIG: Config = Config { agent_pid_ns: 0, cgroup_v1: 0, throttle: 0 };

/// The first question of every open.
#[btf_map]
pub(crate) static GATE: Array<Gate, 1, MMAPABLE> = Array::new();

/// The armed files.
#[btf_map]
pub(crate) static TRAPS: HashMap<TrapKey, TrapEntry, 262_144, NO_PREALLOC> = HashMap::new();

/// The agent's threads that are opening a file to arm it, by thread id in the agent's pid namespace.
#[btf_map]
pub(crate) static ARMING: HashMap<u32, ArmRequest, 64> = HashMap::new();

/// What each process does again and again.
#[btf_map]
pub(crate) static REPEATS: LruHashMap<RepeatsKey, Repeats, REPEATS_ENTRIES> = LruHashMap::new();

/// The records.
#[btf_map]
pub(crate) static RECORDS: RingBuf<Record, RING_BYTES> = RingBuf::new();

/// What happened, per CPU.
#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<u64, COUNTER_SLOTS> = PerCpuArray::new();
