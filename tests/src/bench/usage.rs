//! What a process uses, as the kernel counts it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Resident memory of a process, in KiB (`proc_pid_status(5)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it (`VmRSS`).
    pub resident: u64,
    /// Heap and stacks (`RssAnon`): the rest is the program itself and what else it maps.
    pub anonymous: u64,
    /// The most that was ever resident (`VmHWM`), or since [`Usage::reset_peak`].
    pub peak: u64,
}

/// A process whose use is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pid: u32,
}

impl Usage {
    /// Of this process.
    #[must_use]
    pub const fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Its memory now.
    pub fn memory(self) -> Result<Memory> {
        let status = self.read("status")?;
        let field = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            line.split_whitespace().next().context("a number")?.parse().context("a number")
        };
        Ok(Memory { resident: field("VmRSS:")?, anonymous: field("RssAnon:")?, peak: field("VmHWM:")? })
    }

    /// Begins a new peak (`proc_pid_clear_refs(5)`, 5).
    pub fn reset_peak(self) -> Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").context("reset the peak of resident memory")
    }

    /// Processor time so far, of all threads; counted in clock ticks, usually hundredths of a second.
    pub fn processor_time(self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // Behind the name, which may hold anything, the state is field 3.
        let (_, rest) = stat.rsplit_once(')').context("a name in brackets")?;
        let field =
            |number: usize| rest.split_whitespace().nth(number - 3).context("a field")?.parse::<u64>().context("a number");
        let ticks = field(14)? + field(15)?;
        let each = 1_000_000 / rustix::param::clock_ticks_per_second();
        Ok(Duration::from_micros(ticks * each))
    }

    fn read(self, name: &str) -> Result<String> {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid)).with_context(|| format!("process {} runs", self.pid))
    }
}

impl Memory {
    /// In MiB, to two digits.
    #[must_use]
    pub fn mebibytes(self) -> Value {
        let mib = |kib: u64| (f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0 * 100.0).round() / 100.0;
        json!({ "resident": mib(self.resident), "anonymous": mib(self.anonymous), "peak": mib(self.peak) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id());
        let memory = usage.memory().expect("this test runs");
        assert!(memory.anonymous > 0 && memory.resident > memory.anonymous && memory.peak >= memory.resident, "{memory:?}");
        assert!(usage.processor_time().expect("this test runs") < Duration::from_hours(1));
    }
}
