//! Counts what an operation takes, on a machine whose clock ticks once for each instruction.
//!
//! QEMU does that (`-icount shift=0`): a nanosecond of its virtual time is one executed instruction, so a difference of clocks is a
//! count and no timing. On any other machine the numbers mean nothing.

use std::{
    fmt, io,
    ops::Sub,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike as _},
};
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// Blocks in a row that must agree, and how many are tried.
const AGREEING: usize = 3;
const BLOCKS: usize = 200;
/// After so many it is enough that they are near each other: beside some daemons an operation never takes the same ways twice (fatrace).
const EXACT: usize = 60;

/// How far they may be apart: caches of the kernel fill and empty now and then.
const TOLERANCE: i64 = 100;

/// What ends in other processes too never repeats itself that exactly: one part in so many is near enough.
const NEAR: i64 = 200;

/// How an operation is counted.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Operations in a part, which is counted by itself: short, so that no timer ticks in most of its rounds. After bpftrace or an agent has come,
    /// some kernels tick each millisecond for a while (6.1), which is 85 opens.
    pub operations: u32,
    /// Parts in a round: together, as many operations as there are different ones.
    pub parts: usize,
    /// Rounds in a block, which is the sum of its parts' medians.
    pub rounds: usize,
    /// Whose instructions.
    pub of: Of,
    /// Three blocks in a row agree when they are within one instruction, or, if not `exact`, within 0.5 %.
    pub exact: bool,
}

/// Whose instructions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All that the machine's one processor does from begin to end.
    All,
    /// Those of this thread, in the program and in the kernel.
    Thread,
    /// Those of this process and of all that it has waited for, to two thousand: some kernels idle until the next tick between a child's end and
    /// its parent's going on (6.1), which is time and no instruction.
    Processes,
}

impl Effort {
    /// For a system call.
    pub const CALL: Self = Self { operations: 10, parts: 10, rounds: 31, of: Of::All, exact: true };
    /// For whole processes.
    pub const PROCESS: Self = Self { operations: 1, parts: 1, rounds: 11, of: Of::Processes, exact: false };
}

/// Instructions that one operation takes, exact to a hundredth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instructions(i64);

impl Instructions {
    /// Of one of so many operations that took this together.
    #[must_use]
    pub fn of(all: Duration, operations: u32) -> Self {
        let hundredths = all.as_nanos() * 100 / u128::from(operations.max(1));
        Self(i64::try_from(hundredths).unwrap_or(i64::MAX))
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> f64 {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        // Beyond this an operation would take seconds.
        i32::try_from(whole).map_or(f64::MAX, f64::from) + i32::try_from(hundredths).map_or(0.0, f64::from) / 100.0
    }

    /// The number without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl Sub for Instructions {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.2}", self.number())
    }
}

/// Repeats an operation until its count has settled: the first times after a boot or after attaching are not like the others.
pub fn settled(what: &str, operation: impl FnMut() -> io::Result<()>) -> Result<Instructions> {
    match counted(Effort::CALL, what, || Ok(()), operation)? {
        Count { instructions, spread: None } => Ok(instructions),
        Count { instructions, spread: Some(spread) } => bail!(
            "{what} does not settle on this machine, which must be one that counts instructions: about {instructions}, \
             the middle half of its counts {spread} apart"
        ),
    }
}

/// A count that has settled or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What blocks in a row agreed on, or else their median.
    pub instructions: Instructions,
    /// Where they never agreed: how far apart the middle half of them was.
    pub spread: Option<Instructions>,
}

/// The same by another effort, with something to do before each round that does not count. It need not settle: beside a daemon that is told of
/// each operation, what one takes depends on how far the daemon has come.
pub fn counted(
    effort: Effort,
    what: &str,
    mut before: impl FnMut() -> io::Result<()>,
    mut operation: impl FnMut() -> io::Result<()>,
) -> Result<Count> {
    let mut blocks: Vec<Instructions> = Vec::new();
    while blocks.len() < BLOCKS {
        blocks.push(block(effort, &mut before, &mut operation).with_context(|| format!("{what} failed"))?);
        if let Some(instructions) = agreed(&blocks, effort.exact && blocks.len() <= EXACT) {
            return Ok(Count { instructions, spread: None });
        }
    }
    Ok(unsettled(blocks.split_off(EXACT)))
}

/// Without the first ones, which are unlike the others on many kernels.
fn unsettled(mut blocks: Vec<Instructions>) -> Count {
    blocks.sort_unstable();
    let at = |quarter: usize| blocks.get(blocks.len() * quarter / 4).copied().unwrap_or_default();
    Count { instructions: at(2), spread: Some(at(3) - at(1)) }
}

/// Nanoseconds, which are instructions, on the clock of those that count.
pub fn now(of: Of) -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    match of {
        Of::All => START.elapsed(),
        Of::Thread => duration(clock_gettime(ClockId::ThreadCPUTime)),
        Of::Processes => duration(clock_gettime(ClockId::ProcessCPUTime)) + children(),
    }
}

fn duration(time: Timespec) -> Duration {
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Processor time of the children that were waited for: a sum of the scheduler's, which the kernel only splits into the two (`kernel/sched/cputime.c`,
/// `cputime_adjust`).
fn children() -> Duration {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(Duration::ZERO, |usage| {
        let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or_default();
        Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
    })
}

fn block(
    effort: Effort,
    before: &mut impl FnMut() -> io::Result<()>,
    operation: &mut impl FnMut() -> io::Result<()>,
) -> io::Result<Instructions> {
    let mut parts = vec![Vec::with_capacity(effort.rounds); effort.parts];
    let mut reading = Vec::with_capacity(effort.rounds);
    for _ in 0..effort.rounds {
        before()?;
        let start = now(effort.of);
        reading.push(now(effort.of).saturating_sub(start));
        for part in &mut parts {
            let start = now(effort.of);
            for _ in 0..effort.operations {
                operation()?;
            }
            part.push(now(effort.of).saturating_sub(start));
        }
    }
    // What reading the clock takes is in each part.
    let reading = median(reading);
    let all = parts.into_iter().map(|part| median(part).saturating_sub(reading)).sum();
    Ok(Instructions::of(all, effort.operations * u32::try_from(effort.parts).unwrap_or(u32::MAX)))
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

/// The lowest of the last blocks, if they agree.
fn agreed(blocks: &[Instructions], exact: bool) -> Option<Instructions> {
    let last = blocks.last_chunk::<AGREEING>()?;
    let (lowest, highest) = (last.iter().min()?, last.iter().max()?);
    let apart = if exact { TOLERANCE } else { TOLERANCE.max(lowest.0 / NEAR) };
    (highest.0 - lowest.0 <= apart).then_some(*lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_in_a_few_rounds_does_not_count() {
        let rounds = [90, 700, 90, 90, 800].map(Duration::from_nanos).to_vec();
        assert_eq!(median(rounds), Duration::from_nanos(90));
    }

    #[test]
    fn only_the_last_blocks_must_agree() {
        let counts = |numbers: &[i64]| numbers.iter().copied().map(Instructions).collect::<Vec<_>>();
        assert_eq!(agreed(&counts(&[545_670, 545_670]), true), None);
        assert_eq!(agreed(&counts(&[900_000, 545_670, 545_671, 545_670]), true), Some(Instructions(545_670)));
        assert_eq!(agreed(&counts(&[545_670, 545_670, 547_000]), true), None);
        assert_eq!(agreed(&counts(&[545_670, 545_670, 547_000]), false), Some(Instructions(545_670)));
        assert_eq!(agreed(&counts(&[545_670, 545_670, 560_000]), false), None);
    }

    #[test]
    fn what_never_agrees_has_a_median_and_a_spread() {
        let count = unsettled([900, 500, 700, 600, 800, 1000, 400, 300].map(Instructions).to_vec());
        assert_eq!(count, Count { instructions: Instructions(700), spread: Some(Instructions(400)) });
        assert_eq!(unsettled(Vec::new()).instructions, Instructions(0));
    }

    #[test]
    fn a_count_is_that_of_one_operation() {
        assert_eq!(Instructions::of(Duration::from_nanos(545_670), 100), Instructions(545_670));
        assert_eq!(Instructions::of(Duration::from_micros(2_500), 1).number().to_bits(), 2_500_000_f64.to_bits());
    }

    #[test]
    fn a_count_is_told_in_instructions() {
        let added = Instructions(559_321) - Instructions(545_670);
        assert_eq!(added.to_string(), "136.51");
        assert_eq!((Instructions(0) - added).abs(), added);
    }
}
