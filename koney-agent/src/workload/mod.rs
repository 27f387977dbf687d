//! Who and where: from a process and a host to `Workload`. Knows nothing of policies or sinks.

mod cgroup_name;
mod clock;
mod container;
mod describe;
mod host;
mod inhabitants;
mod process;
mod program;
mod text;

#[cfg(test)]
mod container_tests;
#[cfg(any(test, fuzzing))]
pub mod properties;
#[cfg(test)]
mod text_properties;

pub use clock::Clock;
pub use container::{ContainerRef, Runtime};
pub use host::Host;
pub use inhabitants::{Inhabitant, inhabitants};
pub use process::Completer;
pub use program::Program;
