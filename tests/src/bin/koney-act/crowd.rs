//! Many at once.

use std::{ffi::OsString, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::steps::{Act, myself, number};

pub(crate) const ACTS: &[(&str, Act)] = &[("pin", |arguments, _| {
    let mut set = CpuSet::new();
    set.set(usize::try_from(number(arguments, 0)?)?);
    Ok(sched_setaffinity(None, &set)?)
})];

/// Has the steps done by so many processes at the same time, and waits for all.
pub(crate) fn of(count: u64, steps: &[Vec<OsString>]) -> Result<()> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        crowd.push(myself(steps)?.stdout(Stdio::piped()).spawn().context("start another process")?);
    }
    for member in crowd {
        let output = member.wait_with_output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout).trim());
    }
    Ok(())
}
