//! How the suite's detector is attached.

use std::{fmt, str::FromStr};

use anyhow::Result;
use koney_agent::kernel::{Environment, Method};

use super::scene::Scene;

/// A method of eBPF, or fanotify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// By eBPF.
    Ebpf(Method),
    /// Without.
    Fanotify,
}

impl Attach {
    /// Starts a detector.
    pub async fn scene(self) -> Result<Scene> {
        match self {
            Self::Ebpf(method) => Scene::start(method).await,
            Self::Fanotify => Scene::start_fanotify().await,
        }
    }

    /// Why this kernel truly lacks the method: only what the kernel itself says excuses anything.
    #[must_use]
    pub fn lacking(self) -> Option<String> {
        let environment = Environment::read();
        match self {
            Self::Ebpf(Method::Lsm | Method::Fentry) if cfg!(target_arch = "aarch64") && environment.older_than(6, 4) => {
                Some("arm64 attaches programs to trampolines since 6.4".to_owned())
            }
            Self::Ebpf(Method::Lsm) if environment.bpf_lsm == Some(false) => {
                Some("`bpf` is not in /sys/kernel/security/lsm".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Attach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ebpf(method) => method.fmt(formatter),
            Self::Fanotify => formatter.write_str("fanotify"),
        }
    }
}

impl FromStr for Attach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let method = Method::ALL.iter().find(|method| method.name() == text);
        match (method, text) {
            (Some(method), _) => Ok(Self::Ebpf(*method)),
            (None, "fanotify") => Ok(Self::Fanotify),
            (None, other) => Err(format!("unknown attach method `{other}`, expected lsm, fentry, kprobe or fanotify")),
        }
    }
}
