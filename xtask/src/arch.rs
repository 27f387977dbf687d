//! The architectures koney runs on, by each of the names the world has for them.

use std::env::consts;

use anyhow::{Result, bail};
use clap::ValueEnum;

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// 64-bit x86, `x86_64`
    Amd64,
    /// 64-bit Arm, `aarch64`
    Arm64,
}

impl Arch {
    /// This machine's.
    pub(crate) fn here() -> Result<Self> {
        match consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("koney knows the registers of x86_64 and aarch64, not of {other}"),
        }
    }

    /// Whether programs for it run on this machine without emulation.
    pub(crate) fn is_here(self) -> bool {
        Self::here().is_ok_and(|here| here == self)
    }

    /// Debian's name, which is also that on our command line and in reports.
    pub(crate) fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Rust's name of the target for its programs.
    pub(crate) fn triple(self) -> String {
        format!("{}-unknown-linux-gnu", self.rust())
    }

    /// The prefix of GNU's tools for it, where it is not this machine's.
    pub(crate) fn gnu(self) -> String {
        format!("{}-linux-gnu", self.rust())
    }

    /// Rust's name.
    pub(crate) fn rust(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }
}
