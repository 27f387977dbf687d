//! An intruder that stays: whoever asks who it was finds it still there.

use std::{
    io::Write as _,
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context as _, Result};

/// What it runs: each line that it is told is a file to open.
pub const SCRIPT: &str = "while read -r path; do exec 3<\"$path\"; done";

/// A shell that opens what it is told, by itself; gone when dropped.
pub struct Resident {
    shell: Child,
    orders: ChildStdin,
}

impl Resident {
    /// Starts it, in the folder `/`.
    pub fn start() -> Result<Self> {
        let mut shell = Command::new("/bin/sh");
        let mut shell = shell.args(["-c", SCRIPT]).current_dir("/").stdin(Stdio::piped()).spawn().context("start a shell")?;
        let orders = shell.stdin.take().context("its input is piped")?;
        Ok(Self { shell, orders })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shell.id()
    }

    /// Has it open a file, soon.
    pub fn open(&mut self, path: &str) -> Result<()> {
        writeln!(self.orders, "{path}").context("the shell takes an order")
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.shell.kill();
        let _status = self.shell.wait();
    }
}
