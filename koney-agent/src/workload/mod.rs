//! Who and where: from a process and a host to `Workload`. Knows nothing of policies or sinks.

mod clock;
mod describe;
mod host;
mod process;

pub use clock::Clock;
pub use host::Host;
pub use process::Completer;
