//! The kernel's types as aya has them, by which it finds what a program is attached to: 150,000 on 6.12, and eight MiB while they are there.

use std::{
    sync::mpsc::{self, Receiver},
    thread,
};

use aya::{Btf, EbpfLoader};

use super::error::KernelError;
use crate::causes::chain;

/// Being read by a thread of their own: next to the verifier, nothing takes so much of a start.
pub(super) struct Types {
    /// aya's loader always reads them for itself, and does not give them away.
    loader: Receiver<EbpfLoader<'static>>,
    types: Receiver<Result<Btf, String>>,
}

impl Types {
    /// Begins to read them.
    pub(super) fn begin() -> Self {
        let ((prepared, loader), (told, types)) = (mpsc::channel(), mpsc::channel());
        let begin = move || {
            // In the order in which they are wanted. Whoever wanted them may have given up meanwhile.
            let _loader = prepared.send(EbpfLoader::new());
            let _types = told.send(read());
        };
        // Without a thread nothing is sent, and whoever wants them reads them.
        drop(thread::Builder::new().name("types".to_owned()).spawn(begin));
        Self { loader, types }
    }

    /// Waits until the loader has them.
    pub(super) fn loader(&self) -> EbpfLoader<'static> {
        self.loader.recv().unwrap_or_else(|_| EbpfLoader::new())
    }

    /// Waits until they are read.
    pub(super) fn read(self) -> Result<Btf, KernelError> {
        self.types.recv().unwrap_or_else(|_| read()).map_err(KernelError::Load)
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
