//! Detection for kernels that refuse eBPF: inode marks of the kernel's own fanotify (`fs/notify/fanotify/`). A degraded mode, which
//! says so.
//!
//! The notification class only: nobody waits for the agent, so nobody can be made to wait. What the kernel tells is which process
//! opened which marked file, after the fact; everything else about the process comes from `/proc`, if it is still there to be read.

mod detector;
mod error;
mod group;
mod losses;
mod marks;

pub use detector::{Access, Detector};
pub use error::FanotifyError;
pub use losses::Losses;

/// Name in options, logs and alerts.
pub const NAME: &str = "fanotify";

/// What is different from detection by eBPF, in one line, for people.
pub const LIMITS: &str = "processes are described from /proc after the access, so one that ends at once is told by its number alone; \
    several opens by one process in quick succession can count as one; decoys on FUSE and network file systems are not watched";
