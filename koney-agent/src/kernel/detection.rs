//! Which detector keeps watch: eBPF, or fanotify where eBPF is refused.

use std::path::Path;

use tracing::{error, warn};

use super::{
    detector::{Detector, Options, Rings},
    error::KernelError,
    fanotify,
    method::Choice,
    watching::Watching,
    workers::ArmPool,
};

/// A detector that was seen to work.
pub enum Detection {
    /// The kernel programs, and the rings of their records.
    Ebpf(Box<(Detector, Rings)>),
    /// Fanotify, which is degraded.
    Fanotify(Box<fanotify::Detector>),
}

impl Detection {
    /// Starts the detector that the user chose; with `auto`, fanotify where eBPF is refused. Must be called inside a tokio runtime.
    pub fn start(options: Options) -> Result<Self, KernelError> {
        Self::start_in(options, None)
    }

    /// The same, with programs that outlive the agent, pinned below `pins`; see [`Detector::start_in`].
    pub fn start_in(options: Options, pins: Option<&Path>) -> Result<Self, KernelError> {
        let found = match options.attach {
            Choice::Fanotify => Self::fanotify()?,
            Choice::Only(_) => Self::ebpf(options, pins)?,
            Choice::Auto => match Self::ebpf(options, pins) {
                // Fanotify needs more privilege than what is missing here.
                Err(refused) if !matches!(refused, KernelError::NoPrivilege { .. }) => Self::instead_of(refused)?,
                answer => answer?,
            },
        };
        if let Self::Fanotify(detector) = &found {
            detector.log();
        }
        Ok(found)
    }

    /// What is attached, and what is not.
    #[must_use]
    pub fn watching(&self) -> Watching {
        match self {
            Self::Ebpf(both) => both.0.report().into(),
            Self::Fanotify(detector) => detector.watching(),
        }
    }

    /// What arms and disarms, for the task that knows the traps.
    #[must_use]
    pub fn pool(&self) -> ArmPool {
        match self {
            Self::Ebpf(both) => both.0.pool(),
            Self::Fanotify(detector) => detector.pool(),
        }
    }

    fn ebpf(options: Options, pins: Option<&Path>) -> Result<Self, KernelError> {
        Ok(Self::Ebpf(Box::new(Detector::start_in(options, pins)?)))
    }

    fn fanotify() -> Result<Self, KernelError> {
        Ok(Self::Fanotify(Box::new(fanotify::Detector::start()?)))
    }

    fn instead_of(refused: KernelError) -> Result<Self, KernelError> {
        match fanotify::Detector::start() {
            Ok(detector) => {
                if matches!(refused, KernelError::NoObject) {
                    // No kernel has refused anything: this agent was built wrongly, and is worse than it need be on every one.
                    error!(reason = %refused, "no detection by eBPF; fanotify keeps watch instead");
                } else {
                    warn!(reason = %refused, "no detection by eBPF; fanotify keeps watch instead");
                }
                Ok(Self::Fanotify(Box::new(detector.instead_of(refused))))
            }
            Err(fanotify) => Err(KernelError::Neither { ebpf: Box::new(refused), fanotify }),
        }
    }
}
