//! Per-CPU counters: what happened in the kernel, counted where it happened.

macro_rules! counters {
    ($($(#[$doc:meta])* $counter:ident = $name:literal,)+) => {
        /// Index into the per-CPU counter array. Values only grow while the programs stay loaded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Counter {
            $($(#[$doc])* $counter,)+
        }

        /// Number of counters.
        pub const COUNTERS: usize = [$($name,)+].len();

        impl Counter {
            /// Every counter with the name it is reported under.
            pub const ALL: [(Self, &'static str); COUNTERS] = [$((Self::$counter, $name),)+];
        }
    };
}

counters! {
    /// Touches of an armed file, the canary's left out: `emitted + throttled + folded + slotted + dropped`.
    Seen = "seen",
    /// Records handed to the ring.
    Emitted = "emitted",
    /// Repeats of what the same process has done before: counted, not recorded.
    Throttled = "throttled",
    /// First touches of further processes of a cgroup that has had its share of records: counted, not recorded.
    Folded = "folded",
    /// Touches kept in few words because the ring was full.
    Slotted = "slotted",
    /// Touches lost because the ring was full; each trap that was touched has one in its slot.
    Dropped = "dropped",
    /// An overlay's own opens and changes behind what is already reported.
    Nested = "nested",
    /// Keys entered by an arming thread.
    Armed = "armed",
    /// Keys an arming thread could not enter (the map was full or memory short).
    ArmFailed = "arm_failed",
    /// Opens of the agent's own canary.
    Canary = "canary",
    /// Touches of files that have a decoy's name and nobody has decided about:
    /// `candidates_emitted + candidates_throttled + candidates_folded + candidates_dropped`.
    Candidates = "candidates",
    /// Candidates handed to their ring.
    CandidatesEmitted = "candidates_emitted",
    /// Repeats of the same process.
    CandidatesThrottled = "candidates_throttled",
    /// Candidates beyond their cgroup's share: armed, not recorded.
    CandidatesFolded = "candidates_folded",
    /// Candidates whose ring was full: armed, not recorded.
    CandidatesDropped = "candidates_dropped",
    /// Opens by a decoy's name that are known to be none.
    Negative = "negative",
}

impl Counter {
    /// The name it is reported under.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}
