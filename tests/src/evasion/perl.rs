//! System calls for which there is no safe interface: perl makes any, from a script that comes along.

use anyhow::Result;

use super::trial::done;
use crate::container::{Container, Process, Spawn};

const HANDLE: &str = include_str!("perl/handle.pl");
const URING: &str = include_str!("perl/uring.pl");
const MMAP: &str = include_str!("perl/mmap.pl");

/// Numbers of system calls (`asm/unistd.h`).
struct Numbers {
    mmap: &'static str,
    read: &'static str,
    to_handle: &'static str,
    by_handle: &'static str,
}

#[cfg(target_arch = "aarch64")]
const NUMBERS: Numbers = Numbers { mmap: "222", read: "63", to_handle: "264", by_handle: "265" };
#[cfg(not(target_arch = "aarch64"))]
const NUMBERS: Numbers = Numbers { mmap: "9", read: "0", to_handle: "303", by_handle: "304" };

/// Opens a file by its handle; it waits in between, once it has the handle.
pub(super) fn handle(file: &str, folder: &str) -> Spawn {
    let Numbers { read, to_handle, by_handle, .. } = NUMBERS;
    Spawn::program(["perl", "-e", HANDLE, to_handle, by_handle, read, file, folder])
}

/// Opens and reads through `io_uring`: `plain`, `async` (by a worker of the kernel) or `polled` (by a thread of the kernel).
pub(super) fn uring(way: &str, file: &str) -> Spawn {
    Spawn::program(["perl", "-e", URING, NUMBERS.mmap, NUMBERS.read, way, file])
}

/// Reads by mapping, in a container.
pub(super) async fn mmap(pod: &Container, file: &str) -> Result<Process> {
    done(Spawn::program(["perl", "-e", MMAP, NUMBERS.mmap, file]).inside(pod).await?).await
}
