//! The kernel side, from the agent: takes paths to arm, gives raw records (or, degraded, events), counters and a
//! report of what is attached.
//!
//! Knows nothing of Kubernetes or alerts. The only room with `unsafe`.

mod arm;
mod attach;
pub mod btf;
mod canary;
mod candidates;
#[cfg(test)]
pub(crate) mod catalogue;
mod counters;
mod detection;
mod detector;
mod diagnostics;
mod environment;
mod error;
pub mod fanotify;
mod gate;
pub mod held;
mod hook;
mod load;
pub mod memory;
mod method;
mod names;
mod object;
mod offsets;
mod open;
pub mod pins;
mod pod;
mod program;
mod relocate;
mod repeats;
mod ring;
mod root;
mod settings;
mod slots;
mod survey;
mod sweep;
mod types;
mod watching;
mod workers;

#[cfg(any(test, fuzzing))]
pub mod properties;
#[cfg(test)]
mod text_properties;

pub use arm::{ArmError, Armed, ArmedKey, Job, Outcome};
pub use attach::CANARY_DEADLINE;
pub use canary::{is_canary, is_undecided};
pub use candidates::Candidates;
pub use counters::{Counts, Run};
pub use detection::Detection;
pub use detector::{Detector, Options, Report, Rings};
pub use environment::{Environment, Preemption};
pub use error::{Attempt, Attempts, KernelError};
pub use held::{Fresh, Holder};
pub use hook::{Hook, HookFailure};
pub use method::{Choice, Method};
pub use open::{OpenError, Stamp};
pub use repeats::RepeatsTable;
pub use ring::Ring;
pub use root::Root;
pub use survey::{
    Fired, Trial, absent_members, has_programs, look_up, may_use_ebpf, names_from_cgroup_v1, taken_by_auto, try_each_method,
};
pub use sweep::{Crowds, Slots};
pub use watching::Watching;
pub use workers::ArmPool;
