//! Why there is no detection, with what a person can do about it. All are fatal at start; the operator acts.

use std::{fmt, io};

use thiserror::Error;

use super::{btf::BtfError, fanotify::FanotifyError, method::Method};

/// No detection.
#[derive(Debug, Error)]
pub enum KernelError {
    /// The binary was built without the kernel programs.
    #[error("no eBPF object is built into this binary; run `cargo xtask build-ebpf` and build the agent again")]
    NoObject,
    /// Not enough privilege.
    #[error("not enough privilege for eBPF: {missing} missing; run as root, or grant them")]
    NoPrivilege {
        /// The capabilities that are missing.
        missing: String,
    },
    /// The kernel describes itself nowhere.
    #[error(
        "this kernel has no type information (/sys/kernel/btf/vmlinux: {0}); koney needs a kernel built with \
         CONFIG_DEBUG_INFO_BTF=y, as the stock kernels of current distributions are"
    )]
    NoBtf(io::Error),
    /// The kernel's type information cannot be read.
    #[error("/sys/kernel/btf/vmlinux cannot be read: {0}; report this kernel's version")]
    Btf(#[from] BtfError),
    /// A member that identity needs is not where it can be found.
    #[error("this kernel's {0} has an unknown layout, so files cannot be told apart; report this kernel's version")]
    UnknownLayout(&'static str),
    /// The object could not be loaded.
    #[error("the kernel refused koney's maps: {0}; `koney-agent doctor` says what this kernel offers")]
    Load(String),
    /// The ring or the gate could not be mapped into memory.
    #[error(
        "cannot map the {what} into memory: {source}; give the process more memory, and a seccomp profile that lets it map BPF maps"
    )]
    Map {
        /// Which map.
        what: &'static str,
        /// The system call's error.
        source: io::Error,
    },
    /// The canary file could not be made.
    #[error("cannot make the canary file: {0}; allow memfd_create to the process (seccomp)")]
    Canary(io::Error),
    /// No attach method fired.
    #[error(
        "no attach method works on this kernel: {0}; koney needs Linux 5.10 or newer whose kernel lets this process attach fentry \
         programs, or LSM programs with `bpf` in the lsm= list: inside a sandbox or a locked-down kernel, run it on the node itself"
    )]
    NoMethod(Attempts),
    /// There is no detection by fanotify, which was asked for.
    #[error(transparent)]
    Fanotify(#[from] FanotifyError),
    /// Neither eBPF nor fanotify.
    #[error("{ebpf}; {fanotify}")]
    Neither {
        /// Why there is no detection by eBPF.
        ebpf: Box<KernelError>,
        /// Why fanotify cannot keep watch instead.
        fanotify: FanotifyError,
    },
}

/// One method that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which.
    pub method: Method,
    /// What came of it.
    pub reason: String,
}

/// Everything that was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts(pub Vec<Attempt>);

impl fmt::Display for Attempts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts: Vec<_> = self.0.iter().map(|Attempt { method, reason }| format!("{method}: {reason}")).collect();
        formatter.write_str(&attempts.join("; "))
    }
}
