//! What the kernel side counted, and what it could not even see.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use aya::maps::{MapData, PerCpuArray};
use koney_common::counter::{COUNTERS, Counter};

/// Sums over all CPUs since the programs were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    values: [u64; COUNTERS],
    /// Calls of the programs that the kernel skipped (`recursion_misses`); `None` where it does not say (before 5.12).
    pub missed: Option<u64>,
}

impl Counts {
    /// One counter.
    #[must_use]
    pub const fn get(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    pub(super) fn read<'a>(map: &PerCpuArray<MapData, u64>, programs: impl Iterator<Item = BorrowedFd<'a>>) -> io::Result<Self> {
        let missed = programs.map(missed).reduce(|sum, of_one| Some(sum? + of_one?)).flatten();
        let mut counts = Self { missed, ..Self::default() };
        for (counter, _) in Counter::ALL {
            let per_cpu = map.get(&(counter as u32), 0).map_err(io::Error::other)?;
            counts.values[counter as usize] = per_cpu.iter().sum();
        }
        Ok(counts)
    }
}

/// The kernel tells it with the descriptor (`bpf_prog_show_fdinfo`, `kernel/bpf/syscall.c`, since 5.12).
fn missed(program: BorrowedFd<'_>) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).ok()?;
    parse_missed(&text)
}

pub(super) fn parse_missed(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("recursion_misses:")).and_then(|value| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_calls_are_read_from_fdinfo() {
        let text = "pos:\t0\nprog_type:\t26\nrun_cnt:\t0\nrecursion_misses:\t17\nverified_insns:\t9\n";
        assert_eq!(parse_missed(text), Some(17));
        assert_eq!(parse_missed("pos:\t0\n"), None);
    }
}
