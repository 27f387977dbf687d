//! Per-CPU counters: what happened in the kernel, counted where it happened.

/// Index into the per-CPU counter array. Values only grow while the programs stay loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// Opens of an armed file, the canary's left out: `emitted + throttled + dropped`.
    Seen,
    /// Records handed to the ring.
    Emitted,
    /// Repeats of an access that the same process has made before: counted, not recorded.
    Throttled,
    /// Records lost because the ring was full.
    Dropped,
    /// The overlay's own open of the file behind one already reported.
    Nested,
    /// Keys entered by an arming thread.
    Armed,
    /// Keys an arming thread could not enter (the map was full or memory short).
    ArmFailed,
    /// Opens of the agent's own canary.
    Canary,
}

/// Number of counters.
pub const COUNTERS: usize = 8;

impl Counter {
    /// Every counter with the name it is reported under.
    pub const ALL: [(Self, &'static str); COUNTERS] = [
        (Self::Seen, "seen"),
        (Self::Emitted, "emitted"),
        (Self::Throttled, "throttled"),
        (Self::Dropped, "dropped"),
        (Self::Nested, "nested"),
        (Self::Armed, "armed"),
        (Self::ArmFailed, "arm_failed"),
        (Self::Canary, "canary"),
    ];

    /// The name it is reported under.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}
