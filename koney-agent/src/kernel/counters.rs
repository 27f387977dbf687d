//! What the kernel side counted, and what it could not even see.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use aya::maps::{MapData, PerCpuArray};
use koney_common::counter::{COUNTERS, Counter};

use super::hook::Hook;

/// Sums over all CPUs since the programs were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    values: [u64; COUNTERS],
    /// Calls of the programs that the kernel skipped (`recursion_misses`); `None` where it does not say (before 5.12).
    pub missed: Option<u64>,
    /// By the hooks' places in [`Hook::ALL`].
    runs: [Run; Hook::ALL.len()],
}

/// How often a program ran, and for how long, while `kernel.bpf_stats_enabled` was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// How often.
    pub count: u64,
    /// How long, all runs together.
    pub nanoseconds: u64,
}

impl Counts {
    /// One counter.
    #[must_use]
    pub const fn get(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// How the program of a hook ran; `None` where the kernel does not count, or none is attached.
    #[must_use]
    pub fn run(&self, hook: Hook) -> Option<Run> {
        let place = Hook::ALL.iter().position(|one| *one == hook)?;
        self.runs.get(place).copied().filter(|run| run.count > 0)
    }

    pub(super) fn read<'a>(
        map: &PerCpuArray<MapData, u64>,
        programs: impl Iterator<Item = (Hook, BorrowedFd<'a>)>,
    ) -> io::Result<Self> {
        let told: Vec<_> = programs.map(|(hook, program)| (hook, told(program))).collect();
        let missed = told.iter().map(|(_, text)| parse_missed(text));
        let missed = missed.reduce(|sum, of_one| Some(sum? + of_one?)).flatten();
        let mut counts = Self { missed, ..Self::default() };
        for (run, hook) in counts.runs.iter_mut().zip(Hook::ALL) {
            let Some((_, text)) = told.iter().find(|(of, _)| *of == hook) else { continue };
            let read = |field| number(text, field).unwrap_or(0);
            *run = Run { count: read("run_cnt:"), nanoseconds: read("run_time_ns:") };
        }
        for (counter, _) in Counter::ALL {
            let per_cpu = map.get(&(counter as u32), 0).map_err(io::Error::other)?;
            counts.values[counter as usize] = per_cpu.iter().sum();
        }
        Ok(counts)
    }
}

/// What the kernel tells with the descriptor (`bpf_prog_show_fdinfo`, `kernel/bpf/syscall.c`): run times since 5.1, misses since 5.12.
fn told(program: BorrowedFd<'_>) -> String {
    std::fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).unwrap_or_default()
}

pub(super) fn parse_missed(text: &str) -> Option<u64> {
    number(text, "recursion_misses:")
}

fn number(text: &str, field: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(field)).and_then(|value| value.trim().parse().ok())
}

#[cfg(test)]
impl Counts {
    /// Counts of a kernel that counts everything.
    pub(crate) fn samples() -> Self {
        let mut counts = Self { missed: Some(4), ..Self::default() };
        counts.values[Counter::Emitted as usize] = 9;
        counts.runs[0] = Run { count: 2, nanoseconds: 500_000_000 };
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_calls_are_read_from_fdinfo() {
        let text = "pos:\t0\nprog_type:\t26\nrun_cnt:\t0\nrecursion_misses:\t17\nverified_insns:\t9\n";
        assert_eq!(parse_missed(text), Some(17));
        assert_eq!(parse_missed("pos:\t0\n"), None);
        assert_eq!(number("run_time_ns:\t12\nrun_cnt:\t3\n", "run_cnt:"), Some(3));
    }
}
