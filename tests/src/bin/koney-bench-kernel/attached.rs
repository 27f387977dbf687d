//! What is attached while something is counted.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, Result, bail, ensure};
use koney_agent::kernel::{Choice, Job, Method, Root, fanotify};
use koney_tests::{floor::Floor, kernel::Sight};

use super::{crowd::Crowd, peer::Peer, scene::TRAP};

/// One way of watching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// A program that does nothing.
    Floor(Method),
    /// koney, with so many traps.
    Koney(Method, usize),
    /// koney's detector without eBPF, with one trap.
    Fanotify,
    /// What the shell script of this path starts.
    Peer(PathBuf),
}

/// It, until dropped.
pub(crate) enum Attached {
    Floor { _floor: Floor },
    Koney { sight: Box<Sight>, alone: bool, told: usize },
    Fanotify { detector: Box<fanotify::Detector>, told: usize },
    Peer(Peer),
}

impl Attached {
    /// Attaches; nothing if the kernel truly lacks the way.
    pub(crate) async fn attach(object: &Path, setting: &Setting, crowd: Option<&mut Crowd>) -> Result<Option<Self>> {
        Ok(Some(match setting {
            Setting::Floor(method) => Self::Floor { _floor: Floor::attach(object, *method)? },
            Setting::Koney(method, _) => {
                let Some(mut sight) = Sight::by(*method, true, true, "koney-bench-kernel") else { return Ok(None) };
                sight.arm(Path::new(TRAP)).await;
                // Known by its name too, as the agent has it.
                sight.name(&["service_token"]);
                let alone = crowd.is_none();
                if let Some(crowd) = crowd {
                    crowd.arm(&sight).await?;
                }
                Self::Koney { sight: Box::new(sight), alone, told: 0 }
            }
            Setting::Fanotify => {
                let detector = fanotify::Detector::start()?;
                let job = Job { trap: 1, root: Root::Own, path: TRAP.into(), known: None };
                detector.pool().arm(vec![job]).await.remove(0).context("mark the decoy")?;
                Self::Fanotify { detector: Box::new(detector), told: 0 }
            }
            Setting::Peer(script) => Self::Peer(Peer::start(script)?),
        }))
    }

    /// Whether it has a process of its own, which pays too.
    pub(crate) fn has_daemon(&self) -> bool {
        matches!(self, Self::Peer(_))
    }

    /// Whether it tells of the trap.
    pub(crate) fn tells(&self) -> bool {
        match self {
            Self::Floor { .. } => false,
            Self::Koney { alone, .. } => *alone,
            Self::Fanotify { .. } | Self::Peer(_) => true,
        }
    }

    /// Takes what was recorded, where this process has to.
    pub(crate) fn see(&mut self) {
        match self {
            Self::Koney { sight, told, .. } => *told += sight.seen().len(),
            Self::Fanotify { detector, told } => {
                // An error shows as accesses that were not told.
                let _end = detector.drain(|_access| *told += 1);
            }
            Self::Floor { .. } | Self::Peer(_) => {}
        }
    }

    /// Begins to count anew what is told.
    pub(crate) fn forget(&mut self) -> Result<()> {
        self.see();
        match self {
            Self::Koney { told, .. } | Self::Fanotify { told, .. } => *told = 0,
            Self::Peer(peer) => peer.forget()?,
            Self::Floor { .. } => {}
        }
        Ok(())
    }

    /// How many accesses it has told of.
    pub(crate) fn told(&mut self) -> Result<usize> {
        self.see();
        match self {
            Self::Koney { told, .. } | Self::Fanotify { told, .. } => Ok(*told),
            Self::Peer(peer) => peer.told(),
            Self::Floor { .. } => bail!("a program that does nothing tells nothing"),
        }
    }

    /// How it tells of the trap.
    pub(crate) fn says(&self) -> Option<String> {
        match self {
            Self::Peer(peer) => Some(peer.says()),
            _ => None,
        }
    }
}

impl Setting {
    /// The files of the traps besides the one.
    pub(crate) fn crowd(&self) -> Result<Option<Crowd>> {
        match self {
            Self::Koney(_, traps @ 2..) => Crowd::make(traps - 1).map(Some),
            _ => Ok(None),
        }
    }

    /// Something of it stays in the kernel: nothing can be compared afterwards.
    pub(crate) fn stays(&self) -> bool {
        // Tasks keep the audit context that they were given.
        matches!(self, Self::Peer(script) if script.file_stem().is_some_and(|name| name == "auditd"))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Floor(method) => write!(formatter, "floor:{method}"),
            Self::Koney(method, traps) => write!(formatter, "koney:{method}:{traps}"),
            Self::Fanotify => formatter.write_str("fanotify"),
            Self::Peer(script) => write!(formatter, "peer:{}", script.file_stem().unwrap_or_default().display()),
        }
    }
}

impl FromStr for Setting {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let method = |name: &str| match name.parse().map_err(anyhow::Error::msg)? {
            Choice::Only(method) => Ok(method),
            _ => bail!("{name:?} attaches no eBPF program"),
        };
        Ok(match text.split(':').collect::<Vec<_>>().as_slice() {
            ["floor", name] => Self::Floor(method(name)?),
            ["koney", name, traps] => {
                let traps = traps.parse().context("how many traps")?;
                ensure!(traps > 0, "at least one trap");
                Self::Koney(method(name)?, traps)
            }
            ["fanotify"] => Self::Fanotify,
            ["peer", script] => Self::Peer(script.into()),
            _ => bail!("{text:?} is no setting"),
        })
    }
}
