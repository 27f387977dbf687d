//! The kernel's types as aya has them, by which it finds what a program is attached to: 150,000 on 6.12, and eight MiB while they are there.

use std::thread::{self, JoinHandle};

use aya::Btf;

use super::error::KernelError;
use crate::causes::chain;

/// Being read by a thread of their own: next to the verifier, nothing takes so much of a start.
pub(super) struct Types(Option<JoinHandle<Result<Btf, String>>>);

impl Types {
    /// Begins to read them.
    pub(super) fn begin() -> Self {
        Self(thread::Builder::new().name("types".to_owned()).spawn(read).ok())
    }

    /// Waits until they are read.
    pub(super) fn read(self) -> Result<Btf, KernelError> {
        self.0.and_then(|thread| thread.join().ok()).unwrap_or_else(read).map_err(KernelError::Load)
    }
}

/// Those that were kept, or read anew.
pub(super) fn kept(kept: &mut Option<Btf>) -> Result<&Btf, String> {
    Ok(match kept {
        Some(btf) => btf,
        None => kept.insert(read()?),
    })
}

fn read() -> Result<Btf, String> {
    Btf::from_sys_fs().map_err(|error| chain(&error))
}
